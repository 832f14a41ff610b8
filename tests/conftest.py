"""A tiny encoder, its tokenizer and a toy bitext, made in memory; and the way to the shared data."""

from __future__ import annotations

import gc
import os
import random
import shutil
from pathlib import Path

import pytest

# No test reaches a network; said before transformers reads it.
os.environ["HF_HUB_OFFLINE"] = "1"
# Tiny models are faster on one thread, and do not crawl when the machine is busy.
os.environ["OMP_NUM_THREADS"] = "1"

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoConfig, BertConfig, BertModel, PreTrainedTokenizerFast

from alignfreeze.cache import cache_folder
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.corpora.labelled import NLI, LabelledText
from alignfreeze.corpora.questions import Question
from alignfreeze.encoding.encoder import Encoder, load_encoder
from alignfreeze.progress import use_display

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"

# Two "languages": the second spells every word of the first backwards.
NOUNS = ["dog", "cat", "tree", "house", "river", "stone", "bird", "fish", "lamp", "road"]
VERBS = ["sees", "likes", "finds", "wants", "moves", "takes"]
LANGUAGES = ("en", "de")

# The second texts of the toy pairs: a word that is in no first text tells the label.
SECOND = {"entailment": "god", "neutral": "tac", "contradiction": "pmal"}


_SIZES = {
    "vocab_size": 160,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
_SPECIAL = {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
FAMILY_OPTIONS = {
    "bert": {},
    "roberta": {"type_vocab_size": 1, "pad_token_id": 1},
    # Counts positions from 2 on.
    "xlm-roberta": {"type_vocab_size": 1, "pad_token_id": 1},
    "camembert": {"type_vocab_size": 1, "pad_token_id": 1},
    "distilbert": {},
    "albert": {"embedding_size": 8, "classifier_dropout_prob": 0.1},
    "deberta-v2": {
        "relative_attention": True,
        "position_buckets": 8,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"],
        "type_vocab_size": 0,
        "position_biased_input": False,
        "pooler_hidden_size": 16,
    },
    "modernbert": {**_SPECIAL, "local_attention": 8, "global_attn_every_n_layers": 2},
    "eurobert": {**_SPECIAL, "num_key_value_heads": 1, "mask_token_id": 4},
}


def family_config(family, **changes):
    """The config of a tiny model of a family."""
    return AutoConfig.for_model(family, **{**_SIZES, **FAMILY_OPTIONS[family], **changes})


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Nothing that an earlier version has computed is taken for what this one computes, but for the encoder."""
    users = cache_folder() / "encoders"
    users.mkdir(parents=True, exist_ok=True)
    folder = tmp_path_factory.mktemp("cache")
    (folder / "encoders").symlink_to(users, target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIGNFREEZE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module", autouse=True)
def swift_garbage_collection():
    """Each training ends with collections; looking through all modules each time takes most of a tiny run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data():
    if not SHARED.is_dir():
        pytest.skip("the shared data sets do not stand beside the project")
    return SHARED


def write_bars(bitext):
    """The lines of fast_align's form."""
    return [f"{' '.join(pair.source)} ||| {' '.join(pair.target)}" for pair in bitext]


def toy_sentence(generator):
    return ["the", generator.choice(NOUNS), generator.choice(VERBS), "the", generator.choice(NOUNS)]


def reversed_words(words):
    return tuple(word[::-1] for word in words)


@pytest.fixture(scope="session")
def toy_bitext():
    generator = random.Random(0)
    sentences = [tuple(toy_sentence(generator)) for _ in range(120)]
    return [SentencePair(words, reversed_words(words), LANGUAGES) for words in sentences]


@pytest.fixture(scope="session")
def toy_tagged():
    tags = ("DET", "NOUN", "VERB", "DET", "NOUN")
    generator = random.Random(1)
    return [TaggedSentence(tuple(toy_sentence(generator)), tags) for _ in range(60)]


@pytest.fixture(scope="session")
def toy_items(toy_tagged):
    """Items of each task: a tag for each word, entities, pairs of sentences, questions."""
    words = [sentence.words for sentence in toy_tagged]
    entities = [TaggedSentence(w, ("O", f"B-{_kind(w[1])}", "O", "B-THING", "I-THING")) for w in words]
    pairs = []
    for number, sentence in enumerate(words):
        label = NLI[number % 3]
        pairs.append(LabelledText(" ".join(sentence), SECOND[label], label))
    questions = [
        Question(str(n), f"the {w[1]} {w[2]}", (context := " ".join(w)), (w[4],), (context.rindex(w[4]),))
        for n, w in enumerate(words)
    ]
    return {"pos": toy_tagged, "ner": entities, "nli": pairs, "qa": questions}


def _kind(noun):
    return "ANIMAL" if noun in {"dog", "cat", "bird", "fish"} else "PLACE"


# The pieces that a WordPiece trainer chooses for the toy sentences. It breaks ties differently in each process, so that
# a test would see another encoder each time.
PIECES = """
eh th eht the se ##es ta ##at st ##ts ##er ##kes sek ##ir fi ##if sees cat tac da ro ##or ##ad daor road do go takes
sekat dog god en ##on ##ots ston enots stone eer tr ##ee eert tree la pm ##al ##mp lamp pmal es ho ##se ##oh ##use ##uoh
esuoh house ri re sd ##nd ##nif ##ver ##vir find river revir sdnif finds wa ##na ##nts stna wants
"""


def choose_pieces(words):
    """All characters, and the pieces that occur."""
    characters = sorted({mark + character for word in words for character in word for mark in ("", "##")})
    starts = {word[:end] for word in words for end in range(1, len(word) + 1)}
    parts = {f"##{word[start:end]}" for word in words for start in range(1, len(word)) for end in range(len(word) + 1)}
    return [*characters, *(piece for piece in PIECES.split() if piece in starts | parts)]


def train_tokenizer(sentences, *, types=False):
    """A WordPiece tokenizer on the toy sentences, the way BERT's are made; with types if models are told them."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = [*special, *choose_pieces({word for words in sentences for word in words})]
    numbered = {piece: number for number, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(numbered, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
        model_input_names=["input_ids", *(["token_type_ids"] if types else []), "attention_mask"],
    )


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory, toy_bitext):
    """An ordinary model folder with an encoder of four layers."""
    folder = tmp_path_factory.mktemp("tiny-encoder")
    tokenizer = train_tokenizer([side for pair in toy_bitext for side in (pair.source, pair.target)], types=True)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_encoder(tiny_folder) -> Encoder:
    return load_encoder(str(tiny_folder))


def conllu(sentences):
    for sentence in sentences:
        for number, (word, tag) in enumerate(zip(sentence.words, sentence.tags, strict=True), start=1):
            yield f"{number}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_"
        yield ""


@pytest.fixture
def project(tmp_path, tiny_folder, toy_bitext, toy_tagged):
    """A folder with an experiment file and all that it names: two target languages that spell words backwards."""
    (tmp_path / "en-train.conllu").write_text("\n".join(conllu(toy_tagged)))
    for code in ("en", "de", "tr"):
        words = toy_tagged if code == "en" else [backwards(sentence) for sentence in toy_tagged]
        (tmp_path / f"{code}-test.conllu").write_text("\n".join(conllu(words[:20])))
    for code in ("de", "tr"):
        (tmp_path / f"en-{code}.txt").write_text("\n".join(write_bars(toy_bitext)))
    (tmp_path / "experiment.toml").write_text(f"""
name = "toy"
encoder = "{tiny_folder}"
strategies = ["baseline", "front"]
seeds = [1, 2]
languages = ["de", "tr"]
device = "cpu"
[data]
train = "en-train.conllu"
test = "{{language}}-test.conllu"
[bitext]
source = "en-{{language}}.txt"
pretokenized = true
[realignment]
steps = 4
batch_size = 4
[finetuning]
epochs = 2
batch_size = 16
learning_rate = 1e-3
""")
    return tmp_path


def backwards(sentence):
    return type(sentence)(tuple(word[::-1] for word in sentence.words), sentence.tags)


class _Remarks:
    def __init__(self):
        self.texts = []

    def start(self, *_):
        return self

    def finish(self, _):
        pass

    def advance(self, steps=1):
        pass

    def tell(self, **values):
        pass

    def remark(self, text):
        self.texts.append(text)


@pytest.fixture
def remarks():
    """The remarks made in a test, as a list that grows."""
    display = _Remarks()
    with use_display(display):
        yield display.texts


@pytest.fixture(scope="session")
def chromium():
    """The path of a Chromium that playwright can drive."""
    pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found or pytest.skip("no Chromium on this machine (Debian: apt install chromium)")


@pytest.fixture(scope="session")
def browser(chromium):
    """A browser for all tests of the session; each opens a context of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def without_typology(monkeypatch):
    """As if the extra `typology` were not installed; what was found with it before is forgotten."""
    from alignfreeze import typology

    found = (typology.facts_of, typology.language_family_of)
    for function in found:
        function.cache_clear()
    monkeypatch.setattr(typology, "_find_folder", lambda: None)
    yield
    for function in found:
        function.cache_clear()
