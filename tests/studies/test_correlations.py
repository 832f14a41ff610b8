"""What gains go with over languages."""

import json

import pytest

from alignfreeze import typology
from alignfreeze.errors import DataError
from alignfreeze.studies.comparison import compare_results
from alignfreeze.studies.correlations import collect_facts, correlate_gains
from alignfreeze.studies.results import read_results
from tests.support.cli import alignfreeze

CODES = ("de", "fi", "he", "ja", "ru", "tr")


def study(folder, codes, gains):
    """A table whose baselines rise from language to language, with given gains of full realignment."""
    columns = [f"final_eval_{code}_accuracy" for code in codes]
    rows = [f"seed,model,task,method,{','.join(columns)}"]
    for seed in (31, 42):
        baseline = [0.5 + 0.05 * place + 0.0001 * seed for place in range(len(codes))]
        full = [score + gain for score, gain in zip(baseline, gains, strict=True)]
        for method, scores in (("baseline", baseline), ("before_dico", full)):
            rows.append(",".join([str(seed), "m", "udpos", method, *(f"{score:.6f}" for score in scores)]))
    path = folder / "results.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_gains_that_fall_as_the_baseline_rises(tmp_path, without_typology):
    (compared,) = compare_results(read_results([study(tmp_path, CODES, [0.06, 0.05, 0.04, 0.03, 0.02, 0.01])]))
    found = {item.fact: item for item in correlate_gains(compared)}
    assert list(found) == ["baseline score", "same script", "pretraining text"]
    assert (found["baseline score"].rho, found["baseline score"].n) == (-1, 6)
    assert found["baseline score"].interval is None
    assert found["baseline score"].p_value == pytest.approx(2 / 720)
    # Sizes 66.6 54.3 31.6 69.3 278 20.9 have the ranks 4 3 2 5 6 1, gains 6 5 4 3 2 1: the differences' squares add up
    # to 4 + 4 + 4 + 4 + 16 + 0 = 32, and 1 - 6 * 32 / (6 * 35) = 0.0857.
    size = found["pretraining text"]
    assert size.rho == pytest.approx(0.0857, abs=1e-4)
    assert size.interval[0] < size.rho < size.interval[1]
    assert size.corrected >= size.p_value
    assert collect_facts(compared)["same script"] == {"de": 1, "fi": 1, "he": 0, "ja": 0, "ru": 0, "tr": 1}


def test_too_few_languages(tmp_path):
    (compared,) = compare_results(read_results([study(tmp_path, CODES[:4], [0.01, 0.02, 0.03, 0.04])]))
    with pytest.raises(DataError, match="4 target languages: correlations need at least 5"):
        correlate_gains(compared)


def test_a_baseline_alone_has_no_gains(tmp_path):
    path = study(tmp_path, CODES, [0.0] * 6)
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "before" not in line))
    (compared,) = compare_results(read_results([path]))
    with pytest.raises(DataError, match="only the baseline was tested"):
        correlate_gains(compared)


def test_the_command(tmp_path):
    path = study(tmp_path, CODES, [0.01, 0.05, 0.04, 0.03, 0.02, 0.06])
    shown = alignfreeze("correlate", path)
    assert shown.returncode == 0, shown.stderr
    assert "what the gains correlate with" in " ".join(shown.stdout.split())
    (found,) = json.loads(alignfreeze("correlate", path, "--json").stdout)["comparisons"]
    assert found["task"] == "udpos"
    assert {item["strategy"] for item in found["correlations"]} == {"full"}
    assert alignfreeze("correlate", path, "--latex").stdout.startswith("\\begin{table}")


@pytest.mark.skipif(not typology.is_installed(), reason="the extra `typology` is not installed")
def test_the_papers_results(shared_data):
    """Front-freezing with XLM-R and dictionary links helps languages more that the baseline is worse at."""
    path = shared_data / "paper_results" / "xlm-roberta-base__opus100__udpos.csv"
    compared = next(
        c for c in compare_results(read_results([path])) if (c.setup.aligner, c.setup.schedule) == ("dico", "before")
    )
    found = {(item.strategy, item.fact): item for item in correlate_gains(compared)}
    assert {item.n for item in found.values()} == {34}
    assert found["front", "baseline score"].rho == pytest.approx(-0.48, abs=0.01)
    assert found["front", "syntax"].rho > 0
