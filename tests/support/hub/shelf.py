"""What stands on the hub: small data sets with the columns and cards of the paper's, and tiny encoders.

The sentences are made of a few words per language. Names, columns, features and the layout of files are those that the
data sets have on the hub, so that the paper's experiment files find what they name.
"""

from __future__ import annotations

import json
import random
from itertools import count
from pathlib import Path

import yaml

LANGUAGES = ("en", "de", "tr")

_WORDS = {
    "en": {
        "DET": ["the"],
        "ADJ": ["old", "small", "green"],
        "NOUN": ["dog", "cat", "tree", "house", "river", "stone"],
        "VERB": ["sees", "likes", "finds", "wants"],
    },
    "de": {
        "DET": ["das"],
        "ADJ": ["alte", "kleine", "grüne"],
        "NOUN": ["Hündchen", "Kätzchen", "Bäumchen", "Haus", "Wasser", "Steinchen"],
        "VERB": ["sieht", "mag", "findet", "will"],
    },
    "tr": {
        "DET": ["bu"],
        "ADJ": ["eski", "küçük", "yeşil"],
        "NOUN": ["köpek", "kedi", "ağaç", "ev", "nehir", "taş"],
        "VERB": ["görür", "sever", "bulur", "ister"],
    },
}
_ORDER = ("DET", "ADJ", "NOUN", "VERB", "DET", "NOUN")
_NAMES = {"PER": ["Ada", "Tarik", "Mira"], "ORG": ["Nordbank", "Ulus"], "LOC": ["Lindau", "Izmir"]}

UPOS = ["NOUN", "PUNCT", "ADP", "NUM", "SYM", "SCONJ", "ADJ", "PART", "DET", "CCONJ", "PROPN", "PRON", "X", "_"]
UPOS += ["ADV", "INTJ", "VERB", "AUX"]
IOB = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
NLI = ["entailment", "neutral", "contradiction"]

TREEBANKS = {"en": "en_ewt", "de": "de_gsd", "tr": "tr_imst"}
OLD_UD, UD = "commul/universal_dependencies", "universal-dependencies/universal_dependencies"


def _draw(generator):
    """The places of the words of a sentence in each list of words."""
    return [generator.randrange(len(_WORDS["en"][tag])) for tag in _ORDER]


def _spell(language, drawn):
    return [_WORDS[language][tag][place] for tag, place in zip(_ORDER, drawn, strict=True)]


def _sentences(language, n, seed):
    generator = random.Random(seed)
    return [_spell(language, _draw(generator)) for _ in range(n)]


def all_words():
    """All sentences that a tokenizer may meet."""
    names = [name for kind in _NAMES.values() for name in kind]
    return [" ".join(words) for language in LANGUAGES for words in _sentences(language, 60, 0)] + [" ".join(names)]


def _labels(names):
    return {"class_label": {"names": {str(number): name for number, name in enumerate(names)}}}


def _column(name, dtype):
    return {"name": name, "dtype": dtype}


def _list(name, of):
    return {"name": name, "list": of}


_ANSWERS = {"name": "answers", "sequence": [_column("text", "string"), _column("answer_start", "int32")]}
_STRINGS = ("id", "form", "feats", "misc")
UD_FEATURES = [
    *(_column(name, "string") for name in ("sent_id", "text")),
    *(_list(name, "string") for name in ("comments", "tokens", "lemmas")),
    _list("upos", _labels(UPOS)),
    *(_list(name, "string") for name in ("xpos", "feats", "head", "deprel", "deps", "misc")),
    *(_list(name, [_column(one, "string") for one in _STRINGS]) for name in ("mwt", "empty_nodes")),
]
NER_FEATURES = [
    {"name": "tokens", "sequence": "string"},
    {"name": "ner_tags", "sequence": _labels(IOB)},
    {"name": "langs", "sequence": "string"},
    {"name": "spans", "sequence": "string"},
]
NLI_FEATURES = [_column("premise", "string"), _column("hypothesis", "string"), {"name": "label", "dtype": _labels(NLI)}]
XQUAD_FEATURES = [*(_column(name, "string") for name in ("id", "context", "question")), _ANSWERS]
SQUAD_FEATURES = [*(_column(name, "string") for name in ("id", "title", "context", "question")), _ANSWERS]


def _treebank(language, n, seed):
    for number, words in enumerate(_sentences(language, n, seed), start=1):
        blank = ["_"] * len(words)
        same = dict.fromkeys(("xpos", "feats", "deps", "misc"), blank)
        piece = [{"id": "1-2", "form": "".join(words[:2]), "feats": "_", "misc": "_"}]
        yield {
            "sent_id": f"{language}-{seed}-{number}",
            "text": " ".join(words),
            "comments": ["newpar"],
            "tokens": words,
            "lemmas": words,
            "upos": [UPOS.index(tag) for tag in _ORDER],
            "head": ["3", "3", "4", "0", "6", "4"],
            "deprel": ["det", "amod", "nsubj", "root", "det", "obj"],
            "mwt": piece if number % 5 == 1 else [],
            "empty_nodes": [],
            **same,
        }


def _entities(language, n, seed):
    generator = random.Random(seed)
    for words in _sentences(language, n, seed):
        kind = generator.choice(sorted(_NAMES))
        name = generator.choice(_NAMES[kind])
        tokens = [*words[:4], name, *words[4:]]
        tags = ["O"] * len(words)
        tags.insert(4, f"B-{kind}")
        numbers = [IOB.index(tag) for tag in tags]
        yield {
            "tokens": tokens,
            "ner_tags": numbers,
            "langs": [language] * len(tokens),
            "spans": [f"{kind}: {name}"],
        }


def _inferences(language, n, seed):
    for number, words in enumerate(_sentences(language, n, seed)):
        second = {0: words[:4], 1: words[3:], 2: words[::-1]}[number % 3]
        yield {"premise": " ".join(words), "hypothesis": " ".join(second), "label": number % 3}


def _questions(language, n, seed, *, titles=False):
    for number, words in enumerate(_sentences(language, n, seed)):
        context, answer = " ".join(words), words[2]
        start = context.index(answer)
        row = {"id": f"{language}-{seed}-{number}", "context": context, "question": f"{words[3]} {words[5]}?"}
        title = {"title": "Words"} if titles else {}
        yield {**row, **title, "answers": {"text": [answer], "answer_start": [start]}}


def _pairs(source, target, n, seed):
    generator = random.Random(seed)
    for _ in range(n):
        drawn = _draw(generator)
        yield {"translation": {code: " ".join(_spell(code, drawn)) for code in (source, target)}}


def write_data_set(folder, configs, *, name="{config}/{split}-00000-of-00001.parquet"):
    """Write a data set as it is on the hub: a parquet file for each split, and a card that lists them.

    Args:
        folder: The folder of the repository.
        configs: The features and the rows of each split, by configuration.
        name: How its files are called.
    """
    from datasets import Dataset, Features

    infos, files = [], []
    for config, (features, splits) in configs.items():
        sizes = []
        for split, items in splits.items():
            path = folder / name.format(config=config, split=split)
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = list(items)
            Dataset.from_list(rows, features=Features._from_yaml_list(features)).to_parquet(path)
            sizes.append({"name": split, "num_bytes": path.stat().st_size, "num_examples": len(rows)})
        total = sum(size["num_bytes"] for size in sizes)
        how = {"splits": sizes, "download_size": total, "dataset_size": total}
        infos.append({"config_name": config, "features": features, **how})
        paths = [{"split": split, "path": name.format(config=config, split=split)} for split in splits]
        files.append({"config_name": config, "data_files": paths})
    data = yaml.safe_dump({"dataset_info": infos, "configs": files}, allow_unicode=True, sort_keys=False)
    (folder / "README.md").write_text(f"---\n{data}---\n\n# A small data set\n", encoding="utf-8")
    (folder / ".gitattributes").write_text("*.parquet filter=lfs diff=lfs merge=lfs -text\n")


def write_data_sets(folder):
    """Write the data sets of the paper into the folder of a hub."""
    seeds = count()
    three = (("train", 40), ("validation", 10), ("test", 12))

    def splits(make, *arguments, sizes=three, **options):
        return {split: make(*arguments, n, next(seeds), **options) for split, n in sizes}

    treebanks = {
        name: (UD_FEATURES, splits(_treebank, code, sizes=(("train", 40), ("dev", 10), ("test", 12))))
        for code, name in TREEBANKS.items()
    }
    write_data_set(folder / UD, treebanks, name="parquet/{config}/{split}.parquet")
    write_data_set(folder / "unimelb-nlp/wikiann", {c: (NER_FEATURES, splits(_entities, c)) for c in LANGUAGES})
    write_data_set(folder / "facebook/xnli", {c: (NLI_FEATURES, splits(_inferences, c)) for c in LANGUAGES})
    squad = splits(_questions, "en", sizes=(("train", 40), ("validation", 12)), titles=True)
    write_data_set(folder / "rajpurkar/squad", {"plain_text": (SQUAD_FEATURES, squad)})
    xquad = {
        f"xquad.{code}": (XQUAD_FEATURES, splits(_questions, code, sizes=(("validation", 12),))) for code in LANGUAGES
    }
    write_data_set(folder / "google/xquad", xquad)
    opus = {}
    for code in LANGUAGES[1:]:
        first, second = sorted(("en", code))
        features = [{"name": "translation", "dtype": {"translation": {"languages": [first, second]}}}]
        sizes = (("test", 10), ("train", 80), ("validation", 10))
        opus[f"{first}-{second}"] = (features, splits(_pairs, first, second, sizes=sizes))
    write_data_set(folder / "Helsinki-NLP/opus-100", opus)


def write_word_lists(folder):
    """Write dictionaries in the form of MUSE: a word and its translation per line."""
    folder.mkdir(parents=True)
    for code in LANGUAGES[1:]:
        pairs = [
            f"{source} {target}"
            for tag, words in _WORDS["en"].items()
            for source, target in zip(words, _WORDS[code][tag], strict=True)
        ]
        (folder / f"en-{code}.txt").write_text("\n".join(pairs) + "\n", encoding="utf-8")


_SIZES = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32}


def write_encoders(folder):
    """Write tiny encoders of the paper's three families, in the layout and with the heads of the real ones."""
    import torch
    from transformers import BertForMaskedLM, DistilBertForMaskedLM, XLMRobertaForMaskedLM

    torch.manual_seed(0)
    unigram, pieces = _unigram(), _word_pieces()
    own = {"vocab_size": unigram.get_vocab_size(), "max_position_embeddings": 132, "type_vocab_size": 1}
    special = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    _write(folder / "FacebookAI/xlm-roberta-base", XLMRobertaForMaskedLM, unigram, 128, **_SIZES, **own, **special)
    own = {"vocab_size": pieces.get_vocab_size(), "max_position_embeddings": 128, "pad_token_id": 0}
    _write(folder / "google-bert/bert-base-multilingual-cased", BertForMaskedLM, pieces, 128, **_SIZES, **own)
    sizes = {"dim": 16, "n_layers": 4, "n_heads": 2, "hidden_dim": 32}
    name = "distilbert/distilbert-base-multilingual-cased"
    _write(folder / name, DistilBertForMaskedLM, pieces, 128, **sizes, **own)


def _write(folder, kind, tokenizer, longest, **config):
    kind(kind.config_class(**config)).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    has_pieces = tokenizer.token_to_id("[CLS]") is not None
    settings = {"do_lower_case": False} if has_pieces else {}
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": longest}))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n\n# A tiny encoder\n")
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs diff=lfs merge=lfs -text\n")
    if has_pieces:
        pieces = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
        (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece, _ in pieces), encoding="utf-8")


def _unigram():
    """A tokenizer of the kind of XLM-R: pieces of sentences, with a mark where a word begins."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=160, special_tokens=special, unk_token="<unk>", show_progress=False, initial_alphabet=list("?")
    )
    tokenizer.train_from_iterator(all_words(), trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def _word_pieces():
    """A tokenizer of the kind of BERT."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=160, special_tokens=special, show_progress=False, initial_alphabet=list("?")
    )
    tokenizer.train_from_iterator(all_words(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def fill(folder):
    """Fill the folder of a hub with all of it."""
    folder = Path(folder)
    write_data_sets(folder / "datasets")
    write_encoders(folder / "models")
