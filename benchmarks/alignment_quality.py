"""How good are the links of each aligner, and how fast are they found, beside SimAlign's with the same encoder?

Links made by hand for French-English and Romanian-English are compared with those of every aligner. Layer, threshold
and centring are those that are best on the other language pair. SimAlign is run if it is installed, a sentence pair
at a time as it is used, on the same layer; sentence pairs per second are medians of rounds of both in turn.
"""

import statistics
import sys
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignfreeze.alignment.agreement import measure_agreement, read_gold
from alignfreeze.alignment.aligning import align
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.alignment.similarity import MATCHINGS, SimilarityAligner
from alignfreeze.corpora.bitext import read_bitext
from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.vectors import LayerVectors, compare_layers
from benchmarks import common

PAIRS = {"fr-en": ("enfr", ("en", "fr")), "ro-en": ("roen", ("ro", "en"))}
THRESHOLDS = (1e-3, 1e-2, 0.1)
"""The first is AWESOME-align's."""
LAYERS = range(5, 9)
"""Those around two thirds of the height, where aligners have found the best ones."""
STATISTICAL = ("fast-align", "eflomal", "hmm")
SIMALIGN = {"argmax": "a", "itermax": "i"}
RESULT = {"argmax": "inter", "itermax": "itermax"}
ROUNDS = 5
TIMED = 100
"""Sentence pairs a round."""


def corpora():
    folder = common.SHARED / "gold_alignments"
    if not folder.is_dir():
        sys.exit("the gold alignments do not stand beside the project; there is nothing to measure")
    return {
        name: (
            read_bitext(folder / f"{file}.src-tgt", languages=languages, pretokenized=True),
            read_gold(folder / f"{file}.gold", first=1),
        )
        for name, (file, languages) in PAIRS.items()
    }


def simalign(layer, methods):
    """SimAlign on the embedded encoder, or None where it is not installed."""
    try:
        from simalign import SentenceAligner
    except ImportError:
        return None
    folder = str(embedded.embedded_folder())
    return SentenceAligner(model=folder, token_type="bpe", matching_methods=methods, device="cpu", layer=layer)


def best(results, matching, *, centred, thresholds):
    """The way of a matching with the lowest alignment error rate."""
    found = [row for row in results if row.aligner == matching and row.centred == centred]
    return min((row for row in found if row.threshold in thresholds), key=lambda row: row.agreement.aer)


def by_vectors(name, data, results, others):
    """Rows of the similarity aligners for one language pair, in the ways that were best on the other."""
    bitext, gold = data[name]
    ways = [(matching, THRESHOLDS) for matching in MATCHINGS] + [("softmax", THRESHOLDS[:1])]
    for (matching, thresholds), centred in product(ways, (False, True)):
        way = best(others, matching, centred=centred, thresholds=thresholds)
        (found,) = [row for row in results if replace(row, agreement=way.agreement) == way]
        row = {"pair": name, "aligner": matching, "centred": centred, "layer": way.layer, "aer": found.agreement.aer}
        if matching == "softmax":
            row["threshold"] = way.threshold
        elif not centred and (peer := simalign(way.layer, SIMALIGN[matching])) is not None:
            links = [peer.get_word_aligns(list(pair.source), list(pair.target))[RESULT[matching]] for pair in bitext]
            row["simalign_aer"] = measure_agreement([WordAlignment(frozenset(found)) for found in links], gold).aer
        yield row


def by_statistics(name, data):
    """Rows of the statistical aligners, which learn from the gold text alone."""
    bitext, gold = data[name]
    for aligner in STATISTICAL:
        links = align(bitext, aligner=aligner, cache=False)
        yield {"pair": name, "aligner": aligner, "aer": measure_agreement(links, gold).aer}


def speed(encoder, bitext, layer):
    """Sentence pairs per second of both, a round of each in turn."""
    peer = simalign(layer, SIMALIGN["itermax"])
    ours, theirs = [], []
    vectors = LayerVectors(encoder, layer=layer, device="cpu")
    for number in range(ROUNDS + 1):
        pairs = bitext[number * TIMED % 300 :][:TIMED]
        began = time.perf_counter()
        SimilarityAligner(vectors, matching="itermax").align(pairs)
        ours.append(time.perf_counter() - began)
        if peer is not None:
            began = time.perf_counter()
            for pair in pairs:
                peer.get_word_aligns(list(pair.source), list(pair.target))
            theirs.append(time.perf_counter() - began)
    row = {"layer": layer, "pairs_a_second": TIMED / statistics.median(ours[1:])}
    if theirs:
        ratios = [slow / fast for fast, slow in zip(ours[1:], theirs[1:], strict=True)]
        row["simalign_pairs_a_second"] = TIMED / statistics.median(theirs[1:])
        row |= {"speedup": statistics.median(ratios), "speedup_lowest": min(ratios), "speedup_highest": max(ratios)}
    return common.rounded(row)


def main():
    data, encoder = corpora(), load_encoder(embedded.NAME)
    ways = {
        name: compare_layers(encoder, *data[name], thresholds=THRESHOLDS, layers=LAYERS, device="cpu") for name in data
    }
    others = {"fr-en": "ro-en", "ro-en": "fr-en"}
    rows = [
        common.rounded(row)
        for name in data
        for row in (*by_vectors(name, data, ways[name], ways[others[name]]), *by_statistics(name, data))
    ]
    layer = best(ways["ro-en"], "itermax", centred=False, thresholds=THRESHOLDS).layer
    timed = speed(encoder, data["fr-en"][0], layer)
    common.table(
        ["pair", "aligner", "centred", "layer", "threshold", "AER", "SimAlign's AER"],
        [
            [
                row["pair"],
                row["aligner"],
                {True: "yes", False: "no", None: ""}[row.get("centred")],
                row.get("layer", ""),
                row.get("threshold", ""),
                f"{row['aer']:.3f}",
                f"{row['simalign_aer']:.3f}" if "simalign_aer" in row else "",
            ]
            for row in rows
        ],
    )
    print(timed)
    common.keep("alignment_quality", {"rows": rows, "itermax": timed})


if __name__ == "__main__":
    main()
