"""Experiments that realign on some of the languages of their bitext only."""

import json

import pytest

from alignfreeze.errors import SettingsError
from alignfreeze.experiment.planning import anchor_paths, outline, plan, plan_all
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.reports.plans import outline_facts, outline_sheet, plan_facts, plan_sheet
from alignfreeze.running.dispatch import run_experiment
from alignfreeze.running.grid import read_grid
from alignfreeze.typology import is_installed
from tests.studies.test_paper import FOLDER, read
from tests.support.cli import alignfreeze
from tests.support.terminal import text_of

uriel = pytest.mark.skipif(not is_installed(), reason="the extra `typology` is not installed")


def chosen(project, **choice):
    """Return the settings of the toy experiment with a choice of languages."""
    changes = [(f"bitext.choice.{name}", json.dumps(value)) for name, value in choice.items()]
    return ExperimentSettings.from_toml(project / "experiment.toml", changes=changes)


def test_without_a_choice_all_languages_are_realigned(project):
    settings = chosen(project)
    assert settings.realigned_languages == settings.bitext_languages == ["de", "tr"]
    planned = plan(settings, base=project)
    assert plan_facts(planned)["choice"] is None
    assert "chosen" not in text_of(plan_sheet(planned))


def test_only_the_bitext_of_chosen_languages_is_read(project):
    settings = chosen(project, n=1, by="random", seed=1)
    (language,) = settings.realigned_languages
    other = {"de": "tr", "tr": "de"}[language]
    (project / f"en-{other}.txt").unlink()
    study = run_experiment(plan(settings, base=project), out=project / "out", only=["*-1-*"])
    baseline, front = study.records
    assert [score.language for score in front.scores] == ["en", "de", "tr"]
    assert front.realigned_languages == [language]
    assert {role for role in front.files if "bitext" in role} == {f"bitext {language} source"}
    assert front.settings["bitext"]["choice"] == {"n": 1, "by": "random", "seed": 1}
    assert baseline.realigned_languages == []


def test_a_choice_changes_realigned_runs_alone(project):
    every, some = plan_all((project, settings) for settings in (chosen(project), chosen(project, n=1, by="random")))
    assert [ours.digest == theirs.digest for ours, theirs in zip(every.specs, some.specs, strict=True)] == [
        *(True, False),
        *(True, False),
    ]


def test_a_choice_goes_along_to_other_folders_and_processes(project):
    settings = chosen(project, n=1, by="random")
    assert ExperimentSettings.model_validate(settings.model_dump(mode="json")) == settings
    moved = anchor_paths(settings, project)
    assert moved.bitext.choice == settings.bitext.choice
    assert moved.realigned_languages == settings.realigned_languages


def test_the_source_language_is_not_chosen_and_the_order_is_that_of_the_list(project):
    languages = ["tr", "en", "de", "zh", "tr"]
    settings = ExperimentSettings.from_toml(
        project / "experiment.toml",
        changes=[("bitext.languages", json.dumps(languages)), ("bitext.choice", '{n = 3, by = "random"}')],
    )
    assert settings.realigned_languages == ["tr", "de", "zh"]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"n": 3}, "bitext.choice.n: 3 languages are to be chosen, but there are only 2; lower n"),
        ({"n": 0}, r"bitext\.choice\.n: Input should be greater than 0"),
        ({"by": "random"}, r"bitext\.choice\.n: this setting is required"),
        ({"n": 1, "by": "divers"}, r"bitext\.choice\.by: unknown way .*choose one of diversity, random.*'diversity'"),
    ],
)
def test_choices_that_cannot_be_made(project, choice, message):
    with pytest.raises(SettingsError, match=message):
        chosen(project, **choice)


def test_a_choice_by_diversity_without_its_extra(project, without_typology):
    settings = chosen(project, n=1)
    with pytest.raises(SettingsError, match=r"pip install 'alignfreeze\[typology\]'"):
        plan(settings, base=project)
    text = text_of(plan_sheet(plan(chosen(project, n=1, by="random"), base=project)))
    assert "chosen\t1 of 2 languages at random (seed 0): " in text
    assert " diversity " not in text


@uriel
def test_the_plan_says_which_languages_and_how_diverse_they_are(project):
    planned = plan(chosen(project, n=1), base=project)
    assert "chosen\t1 of 2 languages by diversity: tr\n" in text_of(plan_sheet(planned))
    facts = plan_facts(planned)["choice"]
    assert (facts["languages"], facts["listed"], facts["seed"]) == (("tr",), 2, None)
    assert 0 < facts["at_random"] < facts["diversity"] < 1
    assert f"diversity {facts['diversity']:.3f}; {facts['at_random']:.3f} on average" in text_of(plan_sheet(planned))
    shown = alignfreeze("run", project / "experiment.toml", "--dry-run", "--set", "bitext.choice.n=1")
    assert "1 of 2 languages by diversity: tr" in shown.stdout, shown.stderr


@uriel
def test_of_data_on_the_hub_only_the_bitext_of_chosen_languages_is_fetched():
    found = outline(read("pos", "xlmr", changes=[("bitext.choice.n", "5")]), base=FOLDER)
    assert "chosen\t5 of 34 languages by diversity: ar ja ko ta th\n" in text_of(outline_sheet(found))
    assert outline_facts(found)["choice"]["languages"] == ("ar", "ja", "ko", "ta", "th")
    assert len(found.fetched["bitext"]) == 5
    assert len(found.fetched["test"]) == 1 + 34


def test_a_grid_compares_choices(project):
    path = project / "experiment.toml"
    tables = ['{n = 2, by = "random"}', *(f'{{n = 1, by = "random", seed = {seed}}}' for seed in (0, 1))]
    path.write_text(f'{path.read_text()}\n[grid]\n"bitext.choice" = [{", ".join(tables)}]\n')
    every, *draws = read_grid(path)
    assert every.realigned_languages == ["de", "tr"]
    assert [len(one.realigned_languages) for one in draws] == [1, 1]
    assert draws[1].name == "toy: choice n 1 by random seed 1"
