import gzip
import lzma
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignfreeze.corpora import selection
from alignfreeze.corpora.bitext import read_bitext
from alignfreeze.corpora.selection import SelectionSettings, select, spread_evenly
from alignfreeze.errors import DataError, SettingsError

EN_DE = ("en", "de")


def chosen(pairs, languages=EN_DE, **settings):
    return select(iter(pairs), SelectionSettings(**settings), languages=languages)


def numbered(n):
    return [(f"line {i}", f"Zeile {i}") for i in range(n)]


def test_nothing_is_left_out_by_default_not_even_an_empty_side():
    pairs = [("", "allein"), ("a", "b"), ("a", "b")]
    assert chosen(pairs).texts == pairs
    assert chosen(pairs, seed=3).texts == pairs


def test_each_filter_and_what_it_counts():
    pairs = [
        ("good morning everybody", "guten Morgen zusammen"),
        ("", "leer"),
        ("Tom", "Tom"),
        ("word " * 9, "Wort " * 9),
        ("one two three four", "eins"),
        ("hello there", "привет всем"),
        ("good morning everybody", "guten Morgen zusammen"),
    ]
    settings = {"max_words": 8, "max_ratio": 3, "drop_identical": True, "check_script": True, "deduplicate": True}
    found = chosen(pairs, **settings)
    assert found.texts == pairs[:1]
    assert found.read == 7
    assert found.left_out == {
        "empty": 1,
        "identical sides": 1,
        "too long": 1,
        "unequal lengths": 1,
        "wrong script": 1,
        "repeated": 1,
    }


@pytest.mark.parametrize(
    ("language", "good", "bad"),
    [
        ("ja", "猫が好きです。ABC", "I like cats"),
        ("zh", "我喜欢猫", "Мне нравится"),
        ("ko", "고양이를 좋아해요", "猫が好きです"),
        ("sr", "Волим мачке", "Volim mačke"),
        ("hi", "मुझे बिल्लियाँ पसंद हैं", "mujhe pasand hai"),
        ("el", "Μου αρέσουν 12 γάτες (cat)", "cats"),
    ],
)
def test_scripts(language, good, bad):
    found = chosen([("I like cats", good), ("I like cats", bad), ("12", "12 !")], ("en", language), check_script=True)
    assert [target for _, target in found.texts] == [good, "12 !"]


def test_languages_are_told_apart():
    pytest.importorskip("py3langid")
    english = "The committee has not yet decided about the new building."
    pairs = [
        (english, "Der Ausschuss hat noch nicht über das neue Gebäude entschieden."),
        (english, "Le comité n'a pas encore pris de décision sur le nouveau bâtiment."),
        (
            "Der Ausschuss hat noch nicht über das neue Gebäude entschieden.",
            "Der Ausschuss hat noch nicht entschieden.",
        ),
        ("Tom", "Tom"),
    ]
    found = chosen(pairs, check_language=True)
    assert found.texts == [pairs[0], pairs[3]]
    assert found.left_out == {"wrong language": 2}


def test_languages_that_are_nearly_one_are_not_told_apart():
    pytest.importorskip("py3langid")
    norwegian = "Komiteen har ennå ikke bestemt seg for hvor den nye bygningen skal stå."
    assert chosen([("The committee has not decided.", norwegian)], ("en", "no"), check_language=True).texts


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("de-CH", "Der Ausschuss hat noch nicht über das neue Gebäude entschieden."),
        ("nb", "Komiteen har ennå ikke bestemt seg for hvor den nye bygningen skal stå."),
        ("zh-Hant", "委員會還沒有決定新大樓應該建在哪裡。"),
        ("sr-Latn", "Odbor još nije odlučio o novoj zgradi."),
    ],
)
def test_a_regional_code_is_checked_by_its_language(code, text):
    pytest.importorskip("py3langid")
    english = "The committee has not yet decided about the new building."
    french = "Le comité n'a pas encore pris de décision sur le nouveau bâtiment."
    found = chosen([(english, text), (english, french)], ("en-GB", code), check_language=True)
    assert found.texts == [(english, text)]


def test_a_language_that_the_identifier_does_not_know():
    pytest.importorskip("py3langid")
    with pytest.raises(SettingsError, match="does not know Cherokee"):
        chosen([("a", "b")], ("en", "chr"), check_language=True)


def test_the_identifier_without_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    with pytest.raises(SettingsError, match=r"pip install 'alignfreeze\[langid\]'"):
        chosen([("a", "b")], check_language=True)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 3), st.booleans())
def test_a_sample_has_the_size_asked_for_in_the_order_of_the_file(size, n, seed, deduplicate):
    pairs = numbered(n)
    found = chosen(pairs, sample=size, seed=seed, deduplicate=deduplicate)
    assert len(found.texts) == min(size, n)
    assert found.texts == [pair for pair in pairs if pair in set(found.texts)]
    assert found.read == n
    assert len(found.texts) + sum(found.left_out.values()) == n


def test_every_pair_has_the_same_chance():
    """1,000 samples of 10 out of 50: each pair is drawn 200 times, give or take 5 standard deviations (12.6 each)."""
    drawn = Counter(pair for seed in range(1000) for pair in chosen(numbered(50), sample=10, seed=seed).texts)
    assert len(drawn) == 50
    assert all(abs(count - 200) < 63 for count in drawn.values())


def test_a_pair_that_repeats_has_no_better_chance_when_deduplicated():
    pairs = [("often", "oft")] * 1000 + numbered(49)
    drawn = sum(("often", "oft") in chosen(pairs, sample=10, seed=seed, deduplicate=True).texts for seed in range(200))
    assert abs(drawn - 40) < 28  # 5 standard deviations of 5.7
    assert len(chosen(pairs, sample=100, deduplicate=True).texts) == 50
    assert chosen(pairs, sample=100, deduplicate=True).distinct == 50


def test_a_deduplicated_sample_is_that_of_the_file_without_repetitions():
    pairs = numbered(300)
    once = chosen(pairs, sample=20, seed=5, deduplicate=True).texts
    assert chosen(pairs * 3, sample=20, seed=5, deduplicate=True).texts == once


def test_the_number_of_unlike_pairs_is_estimated():
    found = chosen(numbered(20_000) * 2, sample=1_000, deduplicate=True)
    assert abs(found.distinct / 20_000 - 1) < 5 / 1_000**0.5


@pytest.mark.parametrize("size", [3, 4, 100])
def test_the_number_of_unlike_pairs_is_exact_when_all_are_taken(size):
    assert {chosen(numbered(3) * 4, sample=size, seed=seed, deduplicate=True).distinct for seed in range(20)} == {3}


def test_the_same_seed_gives_the_same_pairs_whatever_the_compression(tmp_path):
    content = "".join(f"line {i}\tZeile {i}\n" for i in range(5_000)).encode()
    (tmp_path / "t.tsv").write_bytes(content)
    (tmp_path / "t.gz").write_bytes(gzip.compress(content))
    (tmp_path / "t.xz").write_bytes(lzma.compress(content))
    settings = SelectionSettings(sample=50, seed=9)
    found = [read_bitext(tmp_path / name, languages=EN_DE, selection=settings) for name in ("t.tsv", "t.gz", "t.xz")]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 50
    other = read_bitext(tmp_path / "t.gz", languages=EN_DE, selection=settings.model_copy(update={"seed": 10}))
    assert other != found[0]


def test_when_nothing_is_left_the_reasons_are_said(tmp_path):
    (tmp_path / "t.tsv").write_text("a\ta\nb\tb\n\tc\n")
    with pytest.raises(DataError, match=r"no sentence pair found \(2 identical sides, 1 empty\)"):
        read_bitext(tmp_path / "t.tsv", languages=EN_DE, selection=SelectionSettings(drop_identical=True))


def test_the_likeness_of_translations_needs_an_encoder(tmp_path):
    (tmp_path / "t.tsv").write_text("a\tb\n")
    with pytest.raises(SettingsError, match="keep_best needs an encoder"):
        read_bitext(tmp_path / "t.tsv", languages=EN_DE, selection=SelectionSettings(keep_best=0.5))


SAMPLE = """
import sys
from pathlib import Path
from alignfreeze.corpora.bitext import read_bitext
from alignfreeze.corpora.selection import SelectionSettings
selection = SelectionSettings(sample=100_000, seed=1, deduplicate=True)
pairs = read_bitext(sys.argv[1], languages=("en", "de"), selection=selection)
# What getrusage says begins with the memory of the process that started this one.
(peak,) = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(len(pairs), int(peak) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak memory of a process by itself")
def test_ten_million_lines_are_sampled_in_little_memory(tmp_path):
    path = tmp_path / "large.tsv"
    with path.open("w") as file:
        for n in range(10_000_000):
            file.write(f"the committee of {n} members has met\tder Ausschuss von {n} Leuten tagte\n")
    done = subprocess.run([sys.executable, "-c", SAMPLE, str(path)], check=True, capture_output=True, text=True)
    taken, megabytes = map(int, done.stdout.split())
    path.unlink()
    assert taken == 100_000
    assert megabytes < 300


@given(st.integers(0, 300), st.integers(0, 300))
def test_evenly_spread_items_are_as_many_as_asked_for_at_equal_distances(n_items, n):
    found = spread_evenly(range(n_items), n)
    assert len(found) == min(n, n_items)
    gaps = {after - before for before, after in zip(found, [*found, n_items][1:], strict=False)}
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_the_keys_are_long_enough_for_any_corpus():
    assert selection._KEY_BYTES >= 16
