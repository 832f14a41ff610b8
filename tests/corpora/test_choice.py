"""Languages chosen for realignment: by diversity, which is worked out by hand, and at random."""

import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignfreeze.corpora import choice
from alignfreeze.corpora.choice import (
    WAYS,
    ChoiceSettings,
    LanguageChoice,
    choose_languages,
    expect_diversity,
    judge_choice,
    measure_diversity,
)
from alignfreeze.errors import SettingsError
from alignfreeze.typology import Facts, is_installed

uriel = pytest.mark.skipif(not is_installed(), reason="the extra `typology` is not installed")

LANGUAGES = (
    *("bg", "cs", "de", "es", "lv", "af", "ar", "da", "el", "fa", "fi", "fr", "he", "hi", "hu", "it", "ja"),
    *("ko", "lt", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "ta", "th", "tr", "uk", "vi", "zh"),
)
"""Those of ../shared/data/ud, without the source language."""

POOLS = st.lists(st.sampled_from(LANGUAGES), min_size=1, unique=True)

# Distances in syntax, phonology, sounds and genealogy; whether the script is the same. nb has no family, as in URIEL.
WORLD = {
    ("de", "en"): ((0.1, 0.2, 0.3), 0.4, True),
    ("de", "nb"): ((0.0, 0.1, 0.2), None, True),
    ("de", "zh"): ((0.3, 0.6, 0.6), 1.0, False),
    ("en", "nb"): ((0.2, 0.2, 0.2), None, True),
    ("en", "zh"): ((0.5, 0.4, 0.3), 1.0, False),
    ("nb", "zh"): ((0.4, 0.4, 0.4), None, False),
}


def choose_diverse(languages, n, *, source):
    return choose_languages(languages, ChoiceSettings(n=n), source=source)


@pytest.fixture
def world(monkeypatch):
    """Four languages of which is known what is said above; of others, such as `tlh`, nothing is."""

    def facts_of(one, other):
        kinds, family, same_script = WORLD.get((one, other), ((), None, None))
        values = dict(zip(("syntax", "phonology", "sounds"), kinds, strict=False))
        values |= {} if family is None else {"genealogy": family}
        return Facts(values | ({} if same_script is None else {"same script": float(same_script)}), None)

    monkeypatch.setattr(choice, "facts_of", facts_of)
    monkeypatch.setattr(choice, "is_installed", lambda: True)
    choice._order_by_difference.cache_clear()
    yield
    choice._order_by_difference.cache_clear()


def test_diversity_by_hand(world):
    # en-de: typology 0.2, family 0.4, script 0
    assert measure_diversity(["en", "de"]) == measure_diversity(["de", "en", "de"]) == pytest.approx(0.2)
    # en-zh: (0.4 + 1 + 1) / 3 = 0.8; de-zh: (0.5 + 1 + 1) / 3 = 0.8333; the mean of the three is 0.6111
    assert measure_diversity(["en", "de", "zh"]) == pytest.approx(0.6111, abs=1e-4)
    assert measure_diversity(["en"]) == 0


def test_what_is_not_known_of_two_is_as_it_is_on_average(world):
    # The family of nb is not known: it counts as far from those of en and de as they are from each other, 0.4.
    # typology (0.2 + 0.1 + 0.2) / 3, family 0.4, script 0
    assert measure_diversity(["de", "en", "nb"]) == pytest.approx((0.5 / 3 + 0.4 + 0) / 3, abs=1e-6)
    # Of two with no family known it is left out: the mean of typology 0.2 and script 0.
    assert measure_diversity(["en", "nb"]) == pytest.approx(0.1)


def test_a_language_of_which_nothing_is_known_is_as_unlike_as_others_are(world):
    assert measure_diversity(["de", "en", "zh", "tlh"]) == pytest.approx(
        measure_diversity(["de", "en", "zh"]), abs=1e-6
    )
    assert measure_diversity(["en", "tlh"]) == 0
    # zh is 0.8 from en; then tlh, as far from both as the others are on average, 2 * 0.6111, and de 0.2 + 0.8333
    assert choose_diverse(["de", "tlh", "zh"], 2, source="en") == ["tlh", "zh"]


def test_languages_are_taken_one_after_the_other(world):
    # From en: de 0.2, zh 0.8; nb (0.2 + 0.8 + 0) / 3 = 0.3333, as the families of the others are 0.8 apart on average.
    assert choose_diverse(["de", "nb", "zh"], 1, source="en") == ["zh"]
    # With what they are from zh: de 0.2 + 0.8333, nb 0.3333 + (0.4 + 0.8 + 1) / 3 = 1.0667.
    assert choose_diverse(["de", "nb", "zh"], 2, source="en") == ["nb", "zh"]
    assert choose_diverse(["de", "nb", "zh"], 3, source="en") == ["de", "nb", "zh"]


def test_of_equals_the_first_in_the_alphabet_is_taken(world):
    assert choose_diverse(["tlh", "jbo", "vo"], 2, source="en") == ["tlh", "jbo"]


def test_a_draw_is_judged_by_all_draws(world):
    # The sets of one are de, 0.2 from en, and zh, 0.8.
    assert expect_diversity(["zh", "de"], 1, source="en") == pytest.approx(0.5)
    assert judge_choice(["zh", "de"], ChoiceSettings(n=1), source="en") == LanguageChoice(
        languages=("zh",),
        listed=2,
        by="diversity",
        seed=None,
        diversity=pytest.approx(0.8),
        at_random=pytest.approx(0.5),
    )


@uriel
@settings(deadline=None)  # the first example reads the data of URIEL
@given(POOLS, st.data())
def test_all_ways_take_the_same_languages_whatever_the_order(languages, data):
    n = data.draw(st.integers(1, len(languages)))
    way = ChoiceSettings(n=n, by=data.draw(st.sampled_from(sorted(WAYS))), seed=data.draw(st.integers(0, 3)))
    chosen = choose_languages(languages, way, source="en")
    assert len(chosen) == n
    assert chosen == [language for language in languages if language in chosen]  # as they were listed
    other = data.draw(st.permutations(languages))
    assert set(choose_languages(other, way, source="en")) == set(chosen)
    if n < len(languages):
        assert set(chosen) < set(choose_languages(languages, way.model_copy(update={"n": n + 1}), source="en"))
    else:
        assert chosen == languages


@uriel
@settings(deadline=None)  # the first example reads the data of URIEL
@given(POOLS.filter(lambda languages: len(languages) > 1))
def test_diversity_lies_between_0_and_1_and_has_no_order(languages):
    value = measure_diversity(languages)
    assert 0 <= value <= 1
    assert measure_diversity(languages[::-1]) == value


@uriel
@pytest.mark.parametrize("n", range(1, len(LANGUAGES)))
def test_chosen_by_diversity_is_more_diverse_than_a_draw(n):
    chosen = judge_choice(LANGUAGES, ChoiceSettings(n=n), source="en")
    assert chosen.diversity > chosen.at_random
    drawn = [judge_choice(LANGUAGES, ChoiceSettings(n=n, by="random", seed=seed), source="en") for seed in range(20)]
    assert chosen.diversity >= max(one.diversity for one in drawn)


@uriel
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8])
def test_chosen_by_diversity_is_nearly_the_most_diverse_set(n):
    """One language is found exactly; more, one after the other, have been within 3% of the best set."""
    for seed in range(8):
        languages = random.Random(seed).sample(LANGUAGES, 8)
        best = max(measure_diversity(["en", *each]) for each in combinations(languages, n))
        found = measure_diversity(["en", *choose_diverse(languages, n, source="en")])
        assert best >= found >= (1 if n in (1, 8) else 0.97) * best


@uriel
def test_the_mean_over_all_sets_is_that_of_all_sets():
    languages = ["de", "fi", "hi", "ja", "tr", "zh"]
    for n in range(1, 7):
        sets = [measure_diversity(["en", *each]) for each in combinations(languages, n)]
        assert expect_diversity(languages, n, source="en") == pytest.approx(sum(sets) / len(sets))


@uriel
def test_what_is_unlike_in_the_data_of_uriel():
    assert measure_diversity(["en", "de"]) < measure_diversity(["en", "ru"]) < measure_diversity(["en", "zh"])
    assert choose_diverse(LANGUAGES, 5, source="en") == ["ar", "ja", "ko", "ta", "th"]


@uriel
def test_languages_that_uriel_does_not_know_are_neither_first_nor_last():
    """It has no family for Basque and Bokmål, and nothing at all of a code for private use."""
    order = ["zh", "ar", "eu", "nb", "qaa", "de", "fr"]
    for unknown in ("eu", "nb", "qaa"):
        taken = [n for n in range(1, 8) if unknown in choose_diverse(order, n, source="en")]
        assert 1 < len(taken) < 7


def test_without_the_extra_only_a_draw_is_possible(without_typology):
    for asked in (lambda: choose_diverse(["de", "tr"], 1, source="en"), lambda: measure_diversity(["de", "tr"])):
        with pytest.raises(SettingsError, match=r"pip install 'alignfreeze\[typology\]'"):
            asked()
    with pytest.raises(SettingsError, match="typology"):
        expect_diversity(["de", "tr"], 1, source="en")
    drawn = judge_choice(["de", "tr", "zh"], ChoiceSettings(n=2, by="random", seed=3), source="en")
    assert len(drawn.languages) == 2
    assert (drawn.seed, drawn.diversity, drawn.at_random) == (3, None, None)


def test_seeds_draw_differently():
    drawn = {
        tuple(choose_languages(LANGUAGES, ChoiceSettings(n=8, by="random", seed=seed), source="en"))
        for seed in range(9)
    }
    assert len(drawn) == 9


def test_more_languages_than_there_are():
    with pytest.raises(SettingsError, match="3 languages are to be chosen, but there are only 2; lower n"):
        choose_languages(["de", "tr"], ChoiceSettings(n=3, by="random"), source="en")
