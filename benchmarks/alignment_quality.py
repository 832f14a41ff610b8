"""How good are the links of each aligner, and how fast are they found, beside SimAlign's with the same encoder?

Links made by hand for French-English and Romanian-English are compared with those of every aligner. Layer, threshold
and centring are those that are best on the other language pair. SimAlign is run if it is installed, a sentence pair
at a time as it is used, on the same layer; sentence pairs a second are medians of rounds of both in turn.
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignfreeze.alignment import align
from alignfreeze.alignment.agreement import agreement, read_gold
from alignfreeze.alignment.links import WordAlignment
from alignfreeze.alignment.similarity import MATCHINGS, SimilarityAligner
from alignfreeze.corpora.bitext import read_bitext
from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.vectors import LayerVectors, by_layer
from benchmarks import common

PAIRS = {"fr-en": ("enfr", ("en", "fr")), "ro-en": ("roen", ("ro", "en"))}
THRESHOLDS = (1e-3, 1e-2, 0.1)
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


def best(results, matching, *, centred):
    """The way of a matching with the lowest alignment error rate."""
    found = [row for row in results if row.aligner == matching and row.centred == centred]
    return min(found, key=lambda row: row.agreement.aer)


def quality(encoder, name, data, chosen):
    """Rows for one language pair, with what was best on the other."""
    bitext, gold = data[name]
    rows = []
    for centred in (False, True):
        for matching in MATCHINGS:
            way = best(chosen, matching, centred=centred)
            (found,) = [
                row
                for row in by_layer(encoder, bitext, gold, thresholds=(way.threshold,), layers=(way.layer,))
                if (row.aligner, row.centred) == (matching, centred)
            ]
            row = {
                "pair": name,
                "aligner": matching,
                "centred": centred,
                "layer": way.layer,
                "aer": found.agreement.aer,
            }
            if matching == "softmax":
                row["threshold"] = way.threshold
            elif not centred and (peer := simalign(way.layer, SIMALIGN[matching])) is not None:
                sides = [(list(pair.source), list(pair.target)) for pair in bitext]
                links = [peer.get_word_aligns(*both)[RESULT[matching]] for both in sides]
                row["simalign_aer"] = agreement([WordAlignment(frozenset(found)) for found in links], gold).aer
            rows.append(common.rounded(row))
    for statistical in STATISTICAL:
        aer = agreement(align(bitext, aligner=statistical, cache=False), gold).aer
        rows.append(common.rounded({"pair": name, "aligner": statistical, "aer": aer}))
    return rows


def speed(encoder, bitext, layer):
    """Sentence pairs a second of both, a round of each in turn."""
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
    ways = {name: by_layer(encoder, *data[name], thresholds=THRESHOLDS, layers=LAYERS, device="cpu") for name in data}
    others = {"fr-en": "ro-en", "ro-en": "fr-en"}
    rows = [row for name in data for row in quality(encoder, name, data, ways[others[name]])]
    layer = best(ways["ro-en"], "itermax", centred=False).layer
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
