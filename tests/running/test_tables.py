from pathlib import Path

import pytest

from alignfreeze.running.scores import Summary
from alignfreeze.running.study import Study
from alignfreeze.running.tables import score_table, score_text, sheet_of
from alignfreeze.sheets import Cell, Sheet, to_latex, to_markdown
from tests.support.records import make_record, make_settings


@pytest.fixture
def study():
    settings = make_settings(
        ["de", "tr"], name="toy", encoder="embedded:e5-small", strategies=["baseline", "front"], seeds=[1, 2]
    )

    def record(strategy, seed, **scores):
        return make_record(settings, strategy, scores, seed=seed)

    records = (
        record("baseline", 1, en=0.9, de=0.70, tr=0.5),
        record("baseline", 2, en=0.9, de=0.72, tr=0.5),
        record("front", 1, en=0.91, de=0.75, tr=0.4),
        record("front", 2, en=0.89, de=0.75, tr=0.5),
    )
    return Study(settings, records, 0, Path("out"))


def test_the_whole_table(study):
    # de: baseline 71.0 with deviations -1, 1 and so sd 1.41; front 75.0, gain 4.0.
    # Average of de and tr, seed by seed: baseline 60.0, 61.0; front 57.5, 62.5; gain -0.5.
    assert (
        to_markdown(sheet_of(score_table(study.settings, study.records, "accuracy", {})))
        == """\
**toy: pos, accuracy in percent, embedded:e5-small**

|  | language | baseline | front |
|---|---|---:|---:|
| en | English | 90.0 ± 0.0 | 90.0 ± 1.4 (+0.0) |
| de | German | 71.0 ± 1.4 | 75.0 ± 0.0 (+4.0) |
| tr | Turkish | 50.0 ± 0.0 | 45.0 ± 7.1 (-5.0) |
| average | of 2 target languages | 60.5 ± 0.7 | 60.0 ± 3.5 (-0.5) |

Mean ± standard deviation over 2 seeds. In brackets: the gain over baseline. ↑ helps, ↓ hurts, = no difference \
worth having; without a sign, one cannot tell yet."""
    )


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        (Summary(0.814, 0.002, 5, 0.007), "81.4 ± 0.2 (+0.7)"),
        (Summary(0.814, None, 1, -0.007), "81.4 (-0.7)"),
        (Summary(0.814, None, 1), "81.4"),
    ],
)
def test_cells(summary, text):
    assert score_text(summary) == text


def test_a_table_without_a_note_ends_with_its_last_row():
    sheet = Sheet("Runs", ("run",), 1, ((Cell("full"),),), "")
    assert to_markdown(sheet).splitlines()[-1] == "| full |"
    assert r"\caption{Runs.}" in to_latex(sheet)
