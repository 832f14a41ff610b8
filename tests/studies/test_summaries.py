"""Comparisons in sentences."""

import pytest

from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_results
from alignfreeze.studies.summaries import summarise_comparison


def of(folder, rows, codes=("de", "tr")):
    """The summary of a table: rows of method and scores, for the seeds 31 and 42, which differ by 0.01."""
    columns = ",".join(f"final_eval_{code}_accuracy" for code in codes)
    lines = [f"seed,model,task,method,{columns}"]
    for seed, more in rows.pop("seeds", ((31, 0.0), (42, 0.01))):
        for method, scores in rows.items():
            lines.append(f"{seed},m,udpos,{method},{','.join(f'{score + more:.4f}' for score in scores)}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    return summarise_comparison(compare_results(read_results([folder / "table.csv"]))[0])


FRONT = "freeze_realign_unfreeze_dico"


def test_the_papers_headline(shared_data):
    path = shared_data / "paper_results" / "xlm-roberta-base__opus100__udpos.csv"
    found = next(
        c for c in compare_results(read_results([path])) if (c.setup.aligner, c.setup.schedule) == ("dico", "before")
    )
    assert summarise_comparison(found) == [
        "Front-freezing improves 16 of 34 languages by more than one standard deviation and worsens none; full "
        "realignment improves 9 and worsens 1. The mean gain of front-freezing is +0.8 points (95% interval "
        "over 5 seeds +0.5 to +1.1); most languages move the same way (p < 0.001).",
        "Largest gain: Arabic, +4.4 points with full realignment (63.2 to 67.6).",
        "Full realignment hurts Persian; front-freezing spares it.",
    ]


def test_harm_and_who_is_spared(tmp_path):
    # sd is 0.0071 everywhere: full realignment takes 0.1 off German and Turkish, front-freezing off Turkish alone.
    found = of(tmp_path, {"baseline": (0.5, 0.5), "before_dico": (0.4, 0.4), FRONT: (0.55, 0.4)})
    assert found[0].startswith("Front-freezing improves 1 of 2 languages by more than one standard deviation and wors")
    assert "full realignment improves none and worsens 2" in found[0]
    assert "; languages move either way (p = " in found[0]
    assert found[1:] == [
        "Largest gain: German, +5.0 points with front-freezing (50.5 to 55.5).",
        "Full realignment hurts German and Turkish; front-freezing spares German.",
    ]


@pytest.mark.parametrize(
    ("rows", "sentences"),
    [
        ({"baseline": (0.5, 0.5)}, ["Only the baseline was tested: nothing to compare."]),
        (
            {"baseline": (0.5, 0.5), "before_dico": (0.4, 0.45)},
            [
                "Full realignment improves none of 2 languages by more than one standard deviation and worsens 2. The "
                "mean gain of full realignment is -7.5 points; languages move either way (p = 0.5).",
                "No language gains anything.",
                "Full realignment hurts German and Turkish.",
            ],
        ),
        (
            {"baseline": (0.5, 0.5), "before_dico": (0.6, 0.5), FRONT: (0.5, 0.5), "seeds": ((31, 0.0),)},
            [
                "With a single seed gains cannot be told from chance. Over 2 languages the mean gain of full "
                "realignment is +5.0 points, the best of 2 strategies.",
                "Largest gain: German, +10.0 points with full realignment (50.0 to 60.0).",
            ],
        ),
    ],
)
def test_what_there_is_to_say(tmp_path, rows, sentences):
    assert of(tmp_path, dict(rows)) == sentences


def test_one_language(tmp_path):
    found = of(tmp_path, {"baseline": (0.5,), "before_dico": (0.6,)}, codes=("tr",))
    assert found[0].startswith("Full realignment improves 1 of 1 languages")
    assert found[2] == "Full realignment worsens no language that much."


def test_a_strategy_with_too_few_seeds_is_neither_best_nor_spares(tmp_path):
    """Front-freezing has one seed, and is worse than full realignment: no verdict is no praise."""
    rows = ["seed,model,task,method,final_eval_de_accuracy,final_eval_tr_accuracy"]
    for seed, method, score in (
        *((seed, "baseline", 0.5) for seed in (31, 42, 66)),
        *((seed, "before_dico", 0.45) for seed in (31, 42, 66)),
        (31, FRONT, 0.44),
    ):
        rows.append(f"{seed},m,udpos,{method},{score + seed / 1e5},{score + seed / 1e5}")
    path = tmp_path / "results.csv"
    path.write_text("\n".join(rows) + "\n")
    (compared,) = compare_results(read_results([path]))
    found = summarise_comparison(compared)
    assert found[0].startswith("Full realignment improves none of 2 languages")
    assert "Of front-freezing there are too few seeds to tell gains from chance." in found
    assert found[-1] == "Full realignment hurts German and Turkish."
