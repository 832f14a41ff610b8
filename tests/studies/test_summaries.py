"""Comparisons in sentences."""

import pytest

from alignfreeze.studies.answers import answer_lines
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.results import read_results
from alignfreeze.studies.summaries import NOTHING_LEARNT, name_strategy, summarise_comparison


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


SEEDS = ((31, 0.0), (42, 0.004), (66, -0.003))


def test_the_papers_headline(shared_data):
    path = shared_data / "paper_results" / "xlm-roberta-base__opus100__udpos.csv"
    found = next(
        c for c in compare_results(read_results([path])) if (c.setup.aligner, c.setup.schedule) == ("dico", "before")
    )
    first, freeze, languages, largest = summarise_comparison(found)
    assert first == (
        "Realign with 'front': front-freezing helps on average over 34 languages (+0.8 points, 95% interval +0.4 to "
        "+1.1). Full realignment helps too."
    )
    assert freeze.startswith("Freeze what 'front' freezes: front-freezing is 0.3 points above full realignment (95%")
    assert languages.startswith(
        "By language: front-freezing helps 2, hurts none of 34; 32 cannot be judged yet. Intervals"
    )
    assert languages.endswith("are corrected for all 102 languages and strategies together.")
    assert largest == "Largest gain: Arabic, +4.4 points with full realignment (63.2 to 67.6)."


def compared(folder, rows, codes=("de", "tr"), seeds=SEEDS, noise=0.0):
    """The comparison of a table: rows of method and scores; the strategies differ from seed to seed by a little."""
    columns = ",".join(f"final_eval_{code}_accuracy" for code in codes)
    lines = [f"seed,model,task,method,{columns}"]
    for place, (seed, more) in enumerate(seeds):
        for number, (method, scores) in enumerate(rows.items()):
            moved = more + (noise or 0.0004) * ((place + number) % 3)
            lines.append(f"{seed},m,udpos,{method},{','.join(f'{score + moved:.5f}' for score in scores)}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    return compare_results(read_results([folder / "table.csv"]))[0]


def test_help_and_harm_and_who_is_spared(tmp_path):
    found = compared(tmp_path, {"baseline": (0.5, 0.5), "before_dico": (0.4, 0.4), FRONT: (0.55, 0.4)})
    sentences = summarise_comparison(found)
    assert sentences[0].startswith(
        "Do not realign: it hurts on average over 2 languages, least with front-freezing (-2.5"
    )
    assert sentences[1:] == [
        "By language: front-freezing helps 1, hurts 1 of 2. Intervals of single languages are corrected for all 4 "
        "languages and strategies together.",
        "Full realignment hurts German and Turkish; front-freezing spares German.",
        "Largest gain: German, +5.0 points with front-freezing (50.1 to 55.1).",
    ]
    assert [line.partition(" (")[0] for line in answer_lines(found)] == [
        "German: front helps",
        "Turkish: all strategies hurt",
    ]


def test_no_difference_worth_having(tmp_path):
    found = compared(tmp_path, {"baseline": (0.5, 0.5), "before_dico": (0.5001, 0.5001)})
    assert summarise_comparison(found)[0].startswith("Realignment makes no difference worth having on average over 2")
    assert answer_lines(found)[0].startswith("German: no difference worth having (full +")


def test_what_would_settle_it(tmp_path):
    found = compared(tmp_path, {"baseline": (0.5, 0.5), "before_dico": (0.51, 0.49)}, noise=0.01)
    first = summarise_comparison(found)[0]
    assert first.startswith("One cannot tell yet whether to realign: on average over 2 languages, full realignment nei")
    assert "neither gains nor loses (95% interval of the gain -4.8 to +4.8)" in first
    assert "would settle it." in first
    assert all("cannot tell yet (full" in line and "more seeds" in line for line in answer_lines(found))


def test_several_strategies_help(tmp_path):
    rows = {"baseline": (0.5,), "before_dico": (0.6,), FRONT: (0.7,)}
    found = compared(tmp_path, rows, codes=("tr",))
    assert answer_lines(found)[0].startswith("Turkish: front helps (+20.")
    assert answer_lines(found)[0].endswith("; full helps too")
    assert summarise_comparison(found)[0].startswith("Realign with 'front': front-freezing helps in Turkish (+20.")


def test_strategies_that_are_alike_make_no_difference(tmp_path):
    # Both gain 10 points, one of them 0.1 points more.
    rows = {"baseline": (0.5, 0.5), "before_dico": (0.6, 0.6), FRONT: (0.601, 0.601)}
    second = summarise_comparison(compared(tmp_path, rows))[1]
    assert second.startswith("What is frozen makes no difference worth having: front-freezing is 0.1 points above full")


@pytest.mark.parametrize(
    ("best", "rest", "noise", "begins"),
    [
        (FRONT, "before_dico", 0.0, "Freeze what 'front' freezes: front-freezing is 10."),
        ("before_dico", FRONT, 0.0, "Freeze nothing: full realignment is 10."),
        (FRONT, "before_dico", 0.2, "What to freeze cannot be told yet: "),
    ],
)
def test_the_second_sentence_says_what_to_freeze(tmp_path, best, rest, noise, begins):
    # The best strategy gains 20 points, the other one 10. With more noise, they change places from seed to seed.
    rows = {"baseline": (0.4, 0.4), rest: (0.5, 0.5), best: (0.6, 0.6)}
    assert summarise_comparison(compared(tmp_path, rows, noise=noise))[1].startswith(begins)


@pytest.mark.parametrize(
    ("rows", "sentences"),
    [
        ({"baseline": (0.5, 0.5)}, ["Only the baseline was tested: nothing to compare."]),
        ({"baseline": (0, 0), "before_dico": (0, 0), "seeds": ((31, 0.0), (42, 0.0))}, [NOTHING_LEARNT]),
        (
            {"baseline": (0.5, 0.5), "before_dico": (0.6, 0.5), FRONT: (0.5, 0.5), "seeds": ((31, 0.0),)},
            [
                "One cannot tell yet whether to realign: one seed says nothing about chance. On average over 2 "
                "languages, full realignment gains +5.0 points; run at least 2 more seeds.",
                "Largest gain: German, +10.0 points with full realignment (50.0 to 60.0).",
            ],
        ),
    ],
)
def test_what_there_is_to_say(tmp_path, rows, sentences):
    assert of(tmp_path, dict(rows)) == sentences


def test_a_strategy_with_too_few_seeds_is_neither_best_nor_spares(tmp_path):
    """Front-freezing has one seed, and is worse than full realignment: no verdict is no praise."""
    rows = ["seed,model,task,method,final_eval_de_accuracy,final_eval_tr_accuracy"]
    for seed, method, score in (
        *((seed, "baseline", 0.5) for seed in (31, 42, 66)),
        *((seed, "before_dico", 0.45 + seed / 1e6) for seed in (31, 42, 66)),
        (31, FRONT, 0.44),
    ):
        rows.append(f"{seed},m,udpos,{method},{score + seed / 1e5},{score + seed / 1e5}")
    path = tmp_path / "results.csv"
    path.write_text("\n".join(rows) + "\n")
    (found,) = compare_results(read_results([path]))
    sentences = summarise_comparison(found)
    assert sentences[0].startswith(
        "Do not realign with 'full': full realignment hurts. Of the rest one cannot tell yet"
    )
    assert sentences[1].startswith("By language: full realignment helps none, hurts 2 of 2.")
    assert "Full realignment hurts German and Turkish." in sentences


@pytest.mark.parametrize(
    ("strategy", "name"),
    [
        ("front", "front-freezing"),
        ("average(full,front)", "the average(full,front)"),
        ("revert(full,front)", "full realignment with front reverted"),
        ("revert(3..7,0+embeddings)", "freezing 3..7 with 0+embeddings reverted"),
        ("swap(full,0..5=back)", "full realignment with 0..5 of back-freezing"),
        ("swap(baseline,back=full)", "the baseline with back of full realignment"),
        ("scaled(full,1.5)", "1.5 times full realignment"),
        ("scaled(revert(full,front),1.5)", "the scaled(revert(full,front),1.5)"),
    ],
)
def test_names_in_sentences(strategy, name):
    assert name_strategy(strategy) == name
