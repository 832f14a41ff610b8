"""Long bitext is aligned in chunks by several processes, with the links of short bitext."""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from thot.alignment import EflomalAlignmentModel

from alignfreeze.alignment import chunks, streaming, workers
from alignfreeze.alignment.aligners import Resources
from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.chunks import Task, align_chunk
from alignfreeze.alignment.counts import LinkCounts
from alignfreeze.alignment.linking import link_facts
from alignfreeze.alignment.links import Alignments, select_links
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.alignment.statistical import plan_rounds
from alignfreeze.alignment.streaming import sample_for
from alignfreeze.alignment.workers import WorkerError, share, starting
from alignfreeze.corpora import long
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.errors import DataError
from tests.conftest import write_bars
from tests.support.cli import alignfreeze

PAIR = SentencePair(("a", "b", "c"), ("A", "b", "C"), ("en", "de"))


@pytest.fixture
def command(tmp_path, monkeypatch, toy_bitext):
    """Aligns by command: as a short bitext, or as a long one with some workers."""
    monkeypatch.setenv("ALIGNFREEZE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(long, "CHUNK", 25)
    pairs = tmp_path / "pairs"
    pairs.write_text("\n".join(write_bars(toy_bitext)))

    def align(*options, held=10, cores=2):
        monkeypatch.setattr(long, "HELD", held)
        monkeypatch.setattr(streaming, "count_cores", lambda: cores)
        out = tmp_path / "links"
        done = alignfreeze(
            "align", "--bitext", f"en-de={tmp_path / 'pairs'}", "--pretokenized", "--out", out, "--json", *options
        )
        facts = json.loads(done.stdout) if done.returncode == 0 else {}
        facts.pop("seconds", None)
        return facts, out.read_text() if out.exists() else None, done.stderr

    return align


@pytest.mark.parametrize(("aligner", "cores"), [("fast-align", 1), ("fast-align", 2), ("hmm", 2), ("eflomal", 2)])
def test_links_of_long_bitext_are_those_of_short_bitext(command, aligner, cores):
    whole = command("--aligner", aligner, held=1000)
    in_chunks = command("--aligner", aligner, cores=cores)
    assert in_chunks[:2] == whole[:2]
    assert f"{aligner}: 120 sentence pairs take about " in " ".join(in_chunks[2].split())
    assert "take about" not in whole[2]


def test_pairs_of_long_bitext_are_shown(command, tmp_path):
    facts, *_ = command("--aligner", "fast-align", "--view", tmp_path / "view.html")
    assert facts["page"].endswith("view.html")
    assert (tmp_path / "view.html").read_text().count("<table") == 50


def test_a_sample_is_trained_on_and_said(command):
    facts, _, said = command("--aligner", "fast-align", "--alignment", "max_training_pairs=30")
    assert facts["sentence_pairs"] == 120
    assert "with training on 30 of them (max_training_pairs changes this number)" in " ".join(said.split())


def test_a_model_is_kept_and_used_again(command, tmp_path):
    first = command("--aligner", "fast-align", "--save-trained", tmp_path / "model")
    again = command("--aligner", "fast-align", "--trained", tmp_path / "model")
    assert again[:2] == first[:2]
    assert "120 sentence pairs take about " in " ".join(again[2].split())
    assert "with training" not in again[2]
    assert not list((tmp_path / "cache" / "aligners").glob("*/"))  # the model is not kept twice
    _, _, said = command("--aligner", "fast-align", "--trained", tmp_path / "none")
    assert "holds no trained aligner" in " ".join(said.split())
    _, _, said = command("--aligner", "hmm", "--trained", tmp_path / "model")
    assert "this folder holds a trained fast-align, not hmm" in " ".join(said.split())


def test_finished_chunks_are_not_aligned_again(command, tmp_path, monkeypatch):
    whole = command("--aligner", "fast-align")
    monkeypatch.setattr(streaming, "_train", None)
    assert command("--aligner", "fast-align")[:2] == whole[:2]


def test_an_interruption_leaves_the_old_links_and_keeps_finished_chunks(command, tmp_path, monkeypatch):
    (tmp_path / "links").write_text("old\n")

    def interrupted(*arguments):
        found = share(*arguments)
        yield next(found)
        raise KeyboardInterrupt

    monkeypatch.setattr(streaming, "_estimate", lambda *_, **__: None)
    monkeypatch.setattr(streaming, "share", interrupted)
    model = ("--save-trained", tmp_path / "model")
    _, text, said = command("--aligner", "fast-align", *model)
    assert "interrupted" in said
    assert not (tmp_path / "model").exists()
    assert text == "old\n"
    assert {path.name for path in tmp_path.iterdir() if "part" in path.name} == set()
    places = (tmp_path / "cache" / "alignments").iterdir()
    kept = [path for path in places if path.is_dir() and not path.name.startswith(".")]  # no half-written chunk
    assert kept
    monkeypatch.undo()
    monkeypatch.setenv("ALIGNFREEZE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(long, "CHUNK", 25)
    monkeypatch.setattr(streaming, "_train", None)  # it was trained before
    facts, text, said = command("--aligner", "fast-align", *model)
    left = f"{120 - 25 * len(kept)} sentence pairs of 120, of which the others were aligned before, take about"
    assert len(kept) == 5 or left in " ".join(said.split())
    assert (tmp_path / "model" / "aligner.json").exists()
    assert (facts, text) == command("--aligner", "fast-align", held=1000)[:2]


def test_a_worker_that_is_killed_and_one_that_fails():
    with starting(1, threads=1) as (worker,):
        with pytest.raises(DataError, match="the file"):
            worker.call(fail, "the file")
        with pytest.raises(WorkerError, match=r"a process that aligns words failed: ValueError: odd"):
            worker.call(fail_oddly)
        assert worker.call(len, "abc") == 3  # it goes on
        with pytest.raises(WorkerError, match=r"ended with code -9 \(it was killed, perhaps because memory was full"):
            worker.call(os.kill, worker._process.pid, signal.SIGKILL)


def test_a_worker_ends_with_its_parent():
    """Also in the middle of a call, and if the parent is killed."""
    program = (
        "import time\n"
        "from alignfreeze.alignment.workers import starting\n"
        "with starting(1, threads=1) as (worker,):\n"
        "    worker.call(len, 'abc')\n"
        "    print(worker._process.pid, flush=True)\n"
        "    worker.call(time.sleep, 600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    psutil.wait_procs([worker], timeout=20)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_workers_import_nothing_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "queue.py").write_text("raise SystemExit('mine')")
    monkeypatch.chdir(tmp_path)
    with starting(1, threads=1) as (worker,):
        assert worker.call(len, "abc") == 3


def test_nothing_to_learn_from(command, tmp_path):
    (tmp_path / "pairs").write_text("a ||| \n" * 30 + f"{'a ' * 2000} ||| b\n" + " ||| b\n" * 30)
    _, text, said = command("--aligner", "fast-align")
    assert text is None
    assert "fast-align cannot learn from this bitext: each pair that was looked at has an empty side, or more than" in (
        " ".join(said.split())
    )


@pytest.mark.parametrize("n", [100, 6_400])
def test_rounds_are_those_that_eflomal_plans(n):
    model = EflomalAlignmentModel()
    for _ in range(n):
        model.add_sentence_pair(["a", "b"], ["c", "d"])
    model.start_training()
    assert plan_rounds(n) == pytest.approx(model.scheduled_iterations, rel=0.02)


def fail(text):
    raise DataError(text)


def fail_oddly():
    raise ValueError("odd")


def test_results_come_in_order_whichever_worker_is_faster():
    with starting(2, threads=1) as both:
        assert list(share(both, pow, [(number, 2) for number in range(20)])) == [number**2 for number in range(20)]


def test_counts_by_hand():
    """0-0 and 2-2 are one-to-one and unlike; 1-1 links b to b; the second pair has no link, the third two to one."""
    pairs = [PAIR, PAIR, PAIR]
    links = Alignments.of(["0-0 1-1 2-2", "", "0-0 0-1"])
    counts = LinkCounts.of(pairs, links.links)
    assert counts == LinkCounts(3, 5, 9, 9, 4, 5, 2, 1, 2)
    assert (
        LinkCounts.of(pairs[:1], Alignments.of(["0-0 1-1 2-2"]).links)
        + LinkCounts.of(pairs[1:], Alignments.of(["", "0-0 0-1"]).links)
        == counts
    )


def test_counted_links_are_those_that_realignment_uses(toy_bitext):
    links = align(toy_bitext, aligner="fast-align", cache=False)
    usable = [len(select_links(pair, one)) for pair, one in zip(toy_bitext, links, strict=True)]
    facts = link_facts(toy_bitext, links, AlignmentSettings(aligner="fast-align"), Resources())
    assert facts["links_for_realignment"] == sum(usable)
    assert facts["pairs_without_links_for_realignment"] == usable.count(0)


def test_the_default_number_of_training_pairs_fits_in_memory(monkeypatch):
    """9 possible links of 28 bytes each: 10 pairs need 2,520 bytes."""
    monkeypatch.setattr(streaming, "TRAINING_MEMORY", 2_520)
    sample = sample_for(AlignmentSettings(aligner="fast-align"))
    wanted = sample_for(AlignmentSettings(aligner="fast-align", max_training_pairs=15))
    for _ in range(19):
        sample.add(PAIR, 9)
        wanted.add(PAIR, 9)
    assert len(sample.take()) == 10
    assert len(wanted.take()) == 15


def test_workers_have_room_for_their_models(monkeypatch):
    monkeypatch.setattr(streaming, "count_cores", lambda: 8)
    monkeypatch.setattr(streaming, "WORKERS_MEMORY", 100)
    monkeypatch.setattr(streaming, "WORKER_MEMORY", 5)
    assert streaming._plan_workers(0) == (8, 1)
    assert streaming._plan_workers(15) == (5, 1)
    assert streaming._plan_workers(45) == (2, 4)
    assert streaming._plan_workers(500) == (1, 8)


def test_a_chunk_in_small_numbers(tmp_path, toy_bitext):
    settings = AlignmentSettings(aligner="fast-align")
    chunks.train(toy_bitext, settings, tmp_path / "model")
    task = Task(settings, ("en", "de"), True, tmp_path / "model", examples=2)
    texts = [(" ".join(pair.source), " ".join(pair.target)) for pair in toy_bitext[:10]]
    found = align_chunk(task, texts, None)
    assert len(found.lines.split("\n")) == found.counts.pairs == 10
    assert [place for place, _, _ in found.examples] == [0, 5]
    assert found.examples[1][2].to_pharaoh() == found.lines.split("\n")[5]
    assert workers.count_cores() >= 1
