"""The same tests for every aligner in the table."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st
from thot.alignment import (
    EflomalAlignmentModel,
    FastAlignModel,
    SymmetrizationHeuristic,
    SymmetrizedAligner,
)
from thot.common import WordAlignmentMatrix

from alignfreeze.alignment import aligning, statistical
from alignfreeze.alignment.aligners import ALIGNERS, Resources
from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.settings import SYMMETRIZATIONS, AlignmentSettings
from alignfreeze.alignment.similarity import SubwordVectors
from alignfreeze.alignment.statistical import MODELS, StatisticalAligner
from alignfreeze.corpora.bitext import SentencePair, read_bitext
from alignfreeze.errors import DataError, SettingsError


@pytest.fixture(params=[name for name, kind in ALIGNERS.items() if kind.choose is None])
def aligner(request):
    return request.param


class Ciphers:
    """Vectors of the toy bitext: a word and its reversal have the same."""

    identity: ClassVar = {"vectors": "ciphers"}

    def vectors(self, sentences):
        return [
            SubwordVectors(torch.stack([self.vector(word) for word in sentence]), np.arange(len(sentence)))
            if sentence
            else SubwordVectors(torch.zeros(0, 16), np.arange(0))
            for sentence in sentences
        ]

    def vector(self, word):
        # The two articles of a toy sentence are one word; its neighbours cannot tell them apart here.
        seed = sum(ord(letter) ** 2 for letter in word.lower())
        return 5 * torch.nn.functional.normalize(torch.randn(16, generator=torch.Generator().manual_seed(seed)), dim=0)


@pytest.fixture(scope="session")
def resources(toy_bitext):
    words = {word for pair in toy_bitext for word in pair.source}
    cipher = {word: frozenset({word[::-1]}) for word in words}
    return Resources(Ciphers(), {("en", "de"): cipher, ("en", "tr"): cipher})


def found(bitext, aligner, resources, **options):
    return align(bitext, aligner=aligner, resources=resources, cache=False, **options)


def test_one_alignment_a_pair_with_links_inside_the_sentences(aligner, toy_bitext, resources):
    alignments = found(toy_bitext, aligner, resources)
    assert len(alignments) == len(toy_bitext)
    for pair, linked in zip(toy_bitext, alignments, strict=True):
        assert all(s < len(pair.source) and t < len(pair.target) for s, t in linked.links)


def test_most_words_of_a_cipher_find_their_counterpart(aligner, toy_bitext, resources):
    """Words that occur twice in a sentence (the article) are left aside: a dictionary leaves them out."""
    right = n = 0
    for pair, linked in zip(toy_bitext, found(toy_bitext, aligner, resources), strict=True):
        once = [place for place, word in enumerate(pair.source) if pair.source.count(word) == 1]
        right += sum((place, place) in linked.links for place in once)
        n += len(once)
    assert right / n == 0 if aligner == "sentence" else right / n > 0.9


def test_the_same_links_every_time(aligner, toy_bitext, resources):
    assert found(toy_bitext, aligner, resources) == found(toy_bitext, aligner, resources)


def test_an_empty_side_gives_no_links_and_disturbs_no_other_pair(aligner, toy_bitext, resources):
    empty = [SentencePair((), ("x",), ("en", "de")), SentencePair((), (), ("en", "de"))]
    alignments = found([*empty, *toy_bitext], aligner, resources)
    assert not alignments[0].links
    assert not alignments[1].links
    if aligner != "eflomal":  # its random numbers go with the number of pairs
        assert alignments[2:] == found(toy_bitext, aligner, resources)


def test_an_empty_bitext(aligner, resources):
    assert found([], aligner, resources) == []


def test_language_pairs_do_not_influence_each_other(aligner, toy_bitext, resources):
    turned = [SentencePair(pair.source, pair.target[::-1], ("en", "tr")) for pair in toy_bitext]
    mixed = [pair for both in zip(toy_bitext, turned, strict=True) for pair in both]
    together = found(mixed, aligner, resources)
    assert together[::2] == found(toy_bitext, aligner, resources)
    assert together[1::2] == found(turned, aligner, resources)


def test_links_in_chunks_are_those_of_the_whole(aligner, toy_bitext, resources, monkeypatch):
    whole = found(toy_bitext, aligner, resources)
    monkeypatch.setattr(aligning, "CHUNK", 50)
    in_chunks = found(toy_bitext, aligner, resources)
    if aligner == "eflomal":  # it decodes by sampling, sentence after sentence
        assert len(in_chunks) == len(whole)
    else:
        assert in_chunks == whole


def test_work_that_is_interrupted_goes_on_where_it_stopped(aligner, toy_bitext, resources, monkeypatch, tmp_path):
    monkeypatch.setenv("ALIGNFREEZE_CACHE", str(tmp_path))
    monkeypatch.setattr(aligning, "CHUNK", 50)
    kind = ALIGNERS[aligner]
    done = []

    def interrupted(settings, given, languages):
        inner = kind.make(settings, given, languages)

        class Interrupted:
            fit = inner.fit
            limit, beyond = "", 0

            def align(self, pairs):
                if len(done) == 1:
                    raise KeyboardInterrupt
                done.append(len(pairs))
                return inner.align(pairs)

        return Interrupted()

    monkeypatch.setitem(ALIGNERS._choices, aligner, replace(kind, make=interrupted))
    with pytest.raises(KeyboardInterrupt):
        align(toy_bitext, aligner=aligner, resources=resources)
    done.clear()
    done.extend([None, None])  # no more interruptions
    align(toy_bitext, aligner=aligner, resources=resources)
    assert done[2:] == [50, 20]  # the first 50 of 120 were there


def test_an_unknown_aligner(toy_bitext):
    with pytest.raises(SettingsError, match=r"unknown aligner 'fastalign'.*Did you mean 'fast-align'"):
        align(toy_bitext, aligner="fastalign")


@pytest.mark.parametrize(("name", "message"), [("softmax", "vectors of an encoder"), ("dictionary", "for en-de")])
def test_an_aligner_that_lacks_what_it_needs(toy_bitext, name, message):
    with pytest.raises(SettingsError, match=message):
        align(toy_bitext, aligner=name)


def gold_text(shared_data, code):
    (path,) = (shared_data / "gold_alignments").glob(f"*{code}*.src-tgt")
    return read_bitext(path, languages=("en", code), pretokenized=True)


def by_sil_thot(make, rounds, bitext):
    """The links of sil-thot called directly, with grow-diag-final-and."""
    models = make(), make()
    for pair in bitext:
        models[0].add_sentence_pair(pair.source, pair.target)
        models[1].add_sentence_pair(pair.target, pair.source)
    for model in models:
        model.start_training()
        for _ in range(rounds(model)):
            model.train()
        model.end_training()
    both = SymmetrizedAligner(*models)
    both.heuristic = SymmetrizationHeuristic.GROW_DIAG_FINAL_AND
    sides = [[getattr(pair, side) for pair in bitext] for side in ("source", "target")]
    matrices = [matrix.to_numpy() for _, matrix in both.get_best_alignments(*sides)]
    return [{(int(s), int(t)) for s, t in zip(*matrix.nonzero(), strict=True)} for matrix in matrices]


def fast_align():
    model = FastAlignModel()
    model.variational_bayes = True
    return model


def eflomal():
    model = EflomalAlignmentModel()
    model.deterministic = True
    return model


@pytest.mark.parametrize(
    ("code", "most"),
    [("fr", 60), *(pytest.param(code, None, marks=pytest.mark.slow, id=f"{code}, whole") for code in ("fr", "ro"))],
)
@pytest.mark.parametrize(
    ("name", "make", "rounds"),
    [("fast-align", fast_align, lambda _: 5), ("eflomal", eflomal, lambda model: model.scheduled_iterations)],
)
def test_the_links_are_those_of_sil_thot_called_directly(shared_data, *, code, most, name, make, rounds):
    bitext = gold_text(shared_data, code)[:most]
    links = [linked.links for linked in align(bitext, aligner=name, cache=False)]
    assert links == by_sil_thot(make, rounds, bitext)


@pytest.mark.parametrize(
    ("name", "most"), [("fast-align", 0.35), pytest.param("eflomal", 0.35, marks=pytest.mark.slow), ("hmm", 0.35)]
)
def test_learnt_links_are_near_those_made_by_hand(shared_data, name, most):
    """AER on 447 sentence pairs alone; far from random (above 0.8), as a guard of direction."""
    from alignfreeze.alignment.agreement import measure_agreement, read_gold

    bitext = gold_text(shared_data, "fr")
    gold = read_gold(shared_data / "gold_alignments" / "enfr.gold", first=1)
    assert measure_agreement(align(bitext, aligner=name), gold).aer < most


# --- symmetrisation -----------------------------------------------------------

METHODS = {
    "intersection": "intersect",
    "union": "union",
    "grow-diag": "grow_diag",
    "grow-diag-final": "grow_diag_final",
    "grow-diag-final-and": "grow_diag_final_and",
}
"""The same heuristics as sil-thot offers them on matrices, so that links can be given by hand."""


def symmetrized(name, forward, reverse, size=4):
    matrices = []
    for links in (forward, reverse):
        matrix = WordAlignmentMatrix(size, size)
        for source, target in links:
            matrix.set(source, target)
        matrices.append(matrix)
    result = getattr(matrices[0], METHODS[name])(matrices[1])
    return {(int(s), int(t)) for s, t in zip(*result.to_numpy().nonzero(), strict=True)}


@pytest.mark.parametrize(
    ("forward", "reverse", "expected"),
    [
        # 1-1 is a neighbour of 0-0 and 2-2 of 1-1, and their words have no link yet: both are grown.
        (
            {(0, 0), (1, 1)},
            {(0, 0), (2, 2)},
            {
                "intersection": {(0, 0)},
                "union": {(0, 0), (1, 1), (2, 2)},
                "grow-diag": {(0, 0), (1, 1), (2, 2)},
                "grow-diag-final": {(0, 0), (1, 1), (2, 2)},
                "grow-diag-final-and": {(0, 0), (1, 1), (2, 2)},
            },
        ),
        # 2-2 has no neighbour: only the final step takes it, in both its forms, since neither word has a link.
        (
            {(0, 0), (2, 2)},
            {(0, 0)},
            {"grow-diag": {(0, 0)}, "grow-diag-final": {(0, 0), (2, 2)}, "grow-diag-final-and": {(0, 0), (2, 2)}},
        ),
        # Of 0-2 one word has a link: final takes it, final-and does not.
        (
            {(0, 0), (0, 2)},
            {(0, 0)},
            {"grow-diag": {(0, 0)}, "grow-diag-final": {(0, 0), (0, 2)}, "grow-diag-final-and": {(0, 0)}},
        ),
    ],
)
def test_symmetrisations_by_hand(forward, reverse, expected):
    assert {name: symmetrized(name, forward, reverse) for name in expected} == expected


links_of_four = st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)))


@hypothesis_given(links_of_four, links_of_four)
def test_every_symmetrisation_lies_between_intersection_and_union(forward, reverse):
    assert set(METHODS) == set(SYMMETRIZATIONS)
    for name in METHODS:
        found = symmetrized(name, forward, reverse)
        assert forward & reverse <= found <= forward | reverse, name


def test_the_settings_choose_the_symmetrisation(toy_bitext):
    # Words without a counterpart, on which the two directions do not agree.
    uneven = [replace(pair, target=pair.target[: 2 + n % 4]) for n, pair in enumerate(toy_bitext[:20])]
    by_name = {
        name: align(uneven, aligner=AlignmentSettings(symmetrization=name), cache=False) for name in SYMMETRIZATIONS
    }
    for number in range(20):
        least, most = by_name["intersection"][number].links, by_name["union"][number].links
        assert all(least <= by_name[name][number].links <= most for name in by_name)
    assert by_name["intersection"] != by_name["union"]


# --- trained models -----------------------------------------------------------


@pytest.mark.parametrize("name", ["fast-align", "eflomal", "hmm"])
def test_a_trained_model_is_kept_and_used_again(name, toy_bitext, tmp_path):
    trained = StatisticalAligner(name)
    trained.fit(toy_bitext)
    trained.save(tmp_path / "model")
    resources = Resources(trained={("en", "de"): tmp_path / "model"})
    again = align(toy_bitext[:10], aligner=name, resources=resources, cache=False)
    right = sum((i, i) in linked.links for linked in again for i in range(5))
    assert right >= 40
    if name != "eflomal":
        assert again == trained.align(toy_bitext[:10])


@pytest.mark.parametrize(("name", "most"), [(name, model.most_words) for name, model in MODELS.items()])
def test_sentences_that_are_too_long_for_a_model_are_counted(name, most, toy_bitext, remarks):
    """A word more than sil-thot takes on either side, and there is no link; that is said from the cache too."""
    words = [f"w{number % 30}" for number in range(most + 1)]
    sizes = [(most + 1, 3), (3, most + 1), (most, 3), (3, most)]
    bitext = [*toy_bitext, *(SentencePair(tuple(words[:s]), tuple(words[:t]), EN_DE) for s, t in sizes)]
    for _ in range(2):
        remarks.clear()
        links = align(bitext, aligner=name)
        assert [bool(linked.links) for linked in links[-4:]] == [False, False, True, True]
        assert remarks == [
            f"en-de: 2 of 124 sentence pairs are long: no links for sentences of more than {most:,} words"
        ]


EN_DE = ("en", "de")


def test_a_folder_without_a_trained_model(tmp_path):
    for content in (None, "", "[]", "{}", '{"model": "hmm"}'):
        if content is not None:
            (tmp_path / "aligner.json").write_text(content)
        with pytest.raises(DataError, match="holds no trained aligner"):
            StatisticalAligner("hmm").load(tmp_path, languages=EN_DE)


def test_a_trained_model_that_does_not_fit(toy_bitext, tmp_path):
    trained = StatisticalAligner("hmm")
    trained.fit(toy_bitext)
    trained.save(tmp_path / "model")
    with pytest.raises(DataError, match="this folder holds a trained hmm, not eflomal"):
        StatisticalAligner("eflomal").load(tmp_path / "model", languages=EN_DE)
    with pytest.raises(DataError, match="was trained on en-de, not on de-en"):
        StatisticalAligner("hmm").load(tmp_path / "model", languages=("de", "en"))
    files = sorted(path for path in (tmp_path / "model").iterdir() if path.name != "aligner.json")
    assert len(files) > 2
    for path in files:
        whole = path.read_bytes()
        for damaged in (whole[:-1] or b"x", whole + b"\0", None):
            path.unlink() if damaged is None else path.write_bytes(damaged)
            with pytest.raises(DataError, match="missing or damaged"):
                StatisticalAligner("hmm").load(tmp_path / "model", languages=EN_DE)
        path.write_bytes(whole)
    StatisticalAligner("hmm").load(tmp_path / "model", languages=EN_DE)


def test_training_on_a_part_aligns_all(toy_bitext):
    settings = AlignmentSettings(aligner="fast-align", max_training_pairs=60)
    links = align(toy_bitext, aligner=settings, cache=False)
    assert len(links) == len(toy_bitext)
    assert links == [*StatisticalPart(toy_bitext[::2]).align(toy_bitext)]


def test_training_takes_exactly_as_many_pairs_as_it_may(toy_bitext, remarks):
    align(toy_bitext, aligner=AlignmentSettings(aligner="fast-align", max_training_pairs=119), cache=False)
    assert remarks == ["fast-align: trained on 119 of 120 sentence pairs"]


def test_the_memory_of_training_is_said_with_the_setting_that_bounds_it(toy_bitext, monkeypatch, remarks):
    monkeypatch.setattr(statistical, "BYTES_PER_WORD", 2**30)
    align(toy_bitext[:5], aligner="fast-align", cache=False)
    (name,) = {name for name in AlignmentSettings.model_fields if f"; {name} lowers this" in remarks[0]}
    assert name == "max_training_pairs"


class StatisticalPart(StatisticalAligner):
    """fast_align trained on the given pairs."""

    def __init__(self, pairs):
        super().__init__("fast-align")
        self.fit(pairs)
