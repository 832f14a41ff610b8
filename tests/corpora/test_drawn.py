"""Samples of large bitext, which are drawn once on a machine."""

import os

import pytest

from alignfreeze import files
from alignfreeze.corpora import bitext, drawn
from alignfreeze.corpora.bitext import BitextReader, choose_pairs
from alignfreeze.corpora.drawn import digest_once
from alignfreeze.corpora.selection import SelectionSettings
from alignfreeze.files import digest_of_file
from alignfreeze.progress import keeping_remarks

SAMPLE = SelectionSettings(sample=5)


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A file that counts as large and has not changed for a while, and a cache of its own."""
    monkeypatch.setenv("ALIGNFREEZE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(drawn, "LARGE", 10)
    return write(tmp_path / "t.tsv", "word")


def write(path, word):
    path.write_text("".join(f"{word} {number}\tWort\x07 {number}\n" for number in range(50)))
    os.utime(path, (1e9, 1e9 + len(word)))
    return path


def choose(path, settings=SAMPLE):
    reader = BitextReader(path, languages=("en", "de"))
    with keeping_remarks() as remarks:
        chosen = choose_pairs(reader, settings)
    return chosen, reader.notes, remarks


def test_a_sample_is_drawn_once(path, monkeypatch):
    first = choose(path)
    assert "control characters" in first[1][0]
    assert len(first[2]) == 1
    monkeypatch.setattr(bitext, "_choose", None)  # nothing is read again
    monkeypatch.setattr(files, "digest_of_file", None)
    assert choose(path) == first


def test_the_sample_is_the_one_of_small_files(path, monkeypatch):
    kept = choose(path)
    monkeypatch.setattr(drawn, "LARGE", 10**9)
    assert choose(path) == kept


def test_other_settings_and_changed_files_are_drawn_anew(path):
    first, *_ = choose(path)
    other, *_ = choose(path, SelectionSettings(sample=5, seed=1))
    assert other.texts != first.texts
    write(path, "words")
    changed, *_ = choose(path)
    assert {source.split()[0] for source, _ in changed.texts} == {"words"}


def test_the_digest_of_a_large_file_is_taken_once(path, monkeypatch):
    whole = digest_of_file(path)
    assert digest_once([path]) == [whole]
    monkeypatch.setattr(drawn, "digest_of_file", lambda _: "taken again")
    assert digest_once([path]) == [whole]
    os.utime(path, (1e9, 1e9))
    assert digest_once([path]) == ["taken again"]
    os.utime(path)  # a moment ago: it may still be written
    monkeypatch.setattr(drawn, "digest_of_file", lambda _: "now")
    assert digest_once([path]) == ["now"]


def test_many_pairs_without_a_sample_are_said(path, monkeypatch):
    monkeypatch.setattr(bitext, "MANY", 49)
    chosen, _, remarks = choose(path, SelectionSettings())
    assert len(chosen.texts) == 50
    assert sum("all are held in memory; a sample is drawn" in text for text in remarks) == 1
