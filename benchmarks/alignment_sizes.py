"""From how many sentence pairs on are statistical aligners as good as vectors, and what does `auto` choose?

Links made by hand for French-English and Romanian-English are compared with those of aligners that see more and more
sentence pairs. Sizes below that of the gold text are groups of its pairs, each aligned by itself. Sizes above it add
other text of the same languages: Tatoeba, and for Romanian the questions and paragraphs of XQuAD.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alignfreeze.alignment.agreement import measure_agreement
from alignfreeze.alignment.aligners import Resources
from alignfreeze.alignment.aligning import align
from alignfreeze.corpora.bitext import read_bitext, split_into_words
from alignfreeze.encoding import embedded
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.encoding.vectors import LayerVectors
from benchmarks import common
from benchmarks.alignment_quality import corpora

GROUPS = (50, 100, 200)
"""Sentence pairs that are aligned by themselves."""

ALIGNERS = {
    "fast-align": {"aligner": "fast-align"},
    "hmm": {"aligner": "hmm"},
    "eflomal": {"aligner": "eflomal"},
    "argmax": {"aligner": "argmax"},
    "itermax": {"aligner": "itermax"},
    "argmax, centred": {"aligner": "argmax", "centred": True},
    "softmax, threshold 0.1, centred": {"aligner": "softmax", "centred": True, "threshold": 0.1},
    "auto": {"aligner": "auto"},
}
"""Each with its default layer."""
ALIKE = ("argmax", "itermax")
"""Those that link a pair alike whatever other pairs there are."""


class Memory:
    """Computes the vectors of each sentence once."""

    def __init__(self, inner):
        self.inner, self.identity, self.known = inner, inner.identity, {}

    def vectors(self, sentences):
        new = list(dict.fromkeys(one for one in map(tuple, sentences) if one not in self.known))
        self.known |= dict(zip(new, self.inner.vectors(new), strict=True))
        return [self.known[tuple(one)] for one in sentences]


def more_text(languages):
    """Other sentence pairs of two languages, in the same order of languages, from short to long."""
    (other,) = {*languages} - {"en"}
    sides = {code: common.SHARED / "tatoeba" / f"en-{other}.{code}" for code in languages}
    pairs = list(read_bitext(*(sides[code] for code in languages), languages=languages))
    files = [common.SHARED / "xquad" / f"{code}.json" for code in languages]
    if all(file.exists() for file in files):
        texts = [*zip(*(questions_and_paragraphs(file) for file in files), strict=True)]
        pairs += split_into_words(texts, languages=languages)
    return pairs


def questions_and_paragraphs(file):
    paragraphs = [one for article in json.loads(file.read_text())["data"] for one in article["paragraphs"]]
    questions = [question["question"] for one in paragraphs for question in one["qas"]]
    return [*questions, *(one["context"] for one in paragraphs)]


def in_groups(bitext, size, how):
    """Links of groups of so many sentence pairs, each aligned by itself; the last group takes the rest."""
    starts = range(0, max(1, len(bitext) - size + 1), size)
    ends = [*starts[1:], len(bitext)]
    return [links for a, b in zip(starts, ends, strict=True) for links in align(bitext[a:b], **how)]


def rows_of(name, bitext, gold, resources):
    more = more_text(bitext[0].languages)
    sizes = [*GROUPS, len(bitext), len(bitext) + 1000]
    sizes += [len(bitext) + len(more)] if len(more) > 1000 else []
    for aligner, settings in ALIGNERS.items():
        how = {**settings, "resources": resources}  # links are kept in the cache: an interrupted benchmark goes on
        for size in [len(bitext)] if aligner in ALIKE else sizes:
            if size < len(bitext):
                links = in_groups(bitext, size, how)
            else:
                links = [*align([*bitext, *more[: size - len(bitext)]], **how)][: len(bitext)]
            aer = measure_agreement(links, gold, tells=False).aer
            print(name, aligner, size, f"{aer:.4f}", flush=True)
            yield {"pair": name, "aligner": aligner, "pairs": size, "aer": aer}


def main():
    resources = Resources(Memory(LayerVectors(load_encoder(embedded.NAME), device="cpu")))
    rows = [
        common.rounded(row) for name, both in corpora().items() for row in rows_of(name, *both, resources=resources)
    ]
    for name in dict.fromkeys(row["pair"] for row in rows):
        found = {(row["aligner"], row["pairs"]): row["aer"] for row in rows if row["pair"] == name}
        sizes = sorted({size for _, size in found})
        common.table(
            [name, *(f"{size:,}" for size in sizes)],
            [
                [aligner, *(f"{found[key]:.3f}" if (key := (aligner, size)) in found else "" for size in sizes)]
                for aligner in ALIGNERS
            ],
        )
    common.keep("alignment_sizes", {"rows": rows})


if __name__ == "__main__":
    main()
