"""Comparisons in sentences."""

import pytest

from alignfreeze.experiment.comparison import compare
from alignfreeze.experiment.results import read_results
from alignfreeze.report.summaries import summary


def of(folder, rows, codes=("de", "tr")):
    """The summary of a table: rows of method and scores, for the seeds 31 and 42, which differ by 0.01."""
    columns = ",".join(f"final_eval_{code}_accuracy" for code in codes)
    lines = [f"seed,model,task,method,{columns}"]
    for seed, more in rows.pop("seeds", ((31, 0.0), (42, 0.01))):
        for method, scores in rows.items():
            lines.append(f"{seed},m,udpos,{method},{','.join(f'{score + more:.4f}' for score in scores)}")
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    return summary(compare(read_results([folder / "table.csv"]))[0])


FRONT = "freeze_realign_unfreeze_dico"


def test_the_papers_headline(shared_data):
    path = shared_data / "paper_results" / "xlm-roberta-base__opus100__udpos.csv"
    found = next(c for c in compare(read_results([path])) if (c.setup.aligner, c.setup.schedule) == ("dico", "before"))
    assert summary(found) == [
        "Front-freezing improves 16 of 34 languages by more than one standard deviation and worsens none; full "
        "realignment improves 9 and worsens 1. The mean gain of front-freezing is +0.8 points, which over these "
        "languages is hardly chance (p < 0.001).",
        "Largest gain: Arabic, +4.4 points with full realignment (63.2 to 67.6).",
        "Full realignment hurts Persian; front-freezing spares it.",
    ]


def test_harm_and_who_is_spared(tmp_path):
    # sd is 0.0071 everywhere: full realignment takes 0.1 off German and Turkish, front-freezing off Turkish alone.
    found = of(tmp_path, {"baseline": (0.5, 0.5), "before_dico": (0.4, 0.4), FRONT: (0.55, 0.4)})
    assert found[0].startswith("Front-freezing improves 1 of 2 languages by more than one standard deviation and wors")
    assert "full realignment improves none and worsens 2" in found[0]
    assert "may be chance (p = " in found[0]
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
                "Full realignment improves none of 2 languages by more than one standard deviation and worsens 2. Its "
                "mean gain is -7.5 points, which over these languages may be chance (p = 0.5).",
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
