"""What people hold in their hands goes in: each kind of model with each kind of bitext and of task items."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForTokenClassification, AutoTokenizer

import alignfreeze as af
from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.errors import DataError, SettingsError
from alignfreeze.progress import remark
from tests.encoding.test_given import lora, sentence_transformer
from tests.encoding.test_lending import state_of

PAIRS = [
    ("the dog sees the cat", "eht god sees eht tac"),
    ("the bird finds the tree", "eht drib sdnif eht eert"),
    ("the fish likes the river", "eht hsif sekil eht revir"),
    ("the lamp moves the road", "eht pmal sevom eht daor"),
]
WORDS = [(source.split(), target.split()) for source, target in PAIRS]
TAGS = ["DET", "NOUN", "VERB", "DET", "NOUN"]


def frame_of(library, columns):
    return pytest.importorskip(library).DataFrame(columns)


def data_set(rows):
    return pytest.importorskip("datasets").Dataset.from_list(rows)


def two_sides():
    return {"en": [source for source, _ in PAIRS], "de": [target for _, target in PAIRS]}


def bitext_file(folder):
    (folder / "bitext.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in PAIRS), encoding="utf-8")
    return folder / "bitext.tsv"


BITEXT = {
    "sentence pairs": lambda _: [af.SentencePair(tuple(s), tuple(t), ("en", "de")) for s, t in WORDS],
    "pairs of texts": lambda _: PAIRS,
    "pairs of words": lambda _: WORDS,
    "translations": lambda _: [{"translation": {"en": s, "de": t}} for s, t in PAIRS],
    "dicts": lambda _: [{"source": s, "target": t} for s, t in PAIRS],
    "data set": lambda _: data_set([{"translation": {"en": s, "de": t}} for s, t in PAIRS]),
    "streamed data set": lambda _: data_set([{"en": s, "de": t} for s, t in PAIRS]).to_iterable_dataset(),
    "pandas": lambda _: frame_of("pandas", two_sides()),
    "polars": lambda _: frame_of("polars", two_sides()),
    "file": bitext_file,
}

MODELS = {
    "name": str,
    "path": Path,
    "encoder": lambda folder: af.load_encoder(str(folder)),
    "model": AutoModel.from_pretrained,
    "half precision": lambda folder: AutoModel.from_pretrained(folder, dtype=torch.bfloat16),
    "with a head": AutoModelForTokenClassification.from_pretrained,
    "sentence-transformers": sentence_transformer,
    "peft": lora,
}

ITEMS = {
    "sentences": lambda: [TaggedSentence(tuple(words), tuple(TAGS)) for words, _ in WORDS],
    "pairs": lambda: [(words, TAGS) for words, _ in WORDS],
    "dicts": lambda: [{"tokens": words, "tags": TAGS} for words, _ in WORDS],
    "data set": lambda: data_set([{"tokens": words, "tags": TAGS} for words, _ in WORDS]),
    "streamed data set": lambda: data_set([{"words": words, "upos": TAGS} for words, _ in WORDS]).to_iterable_dataset(),
    "pandas": lambda: frame_of("pandas", {"tokens": [words for words, _ in WORDS], "tags": [TAGS] * len(WORDS)}),
    "polars": lambda: frame_of("polars", {"tokens": [words for words, _ in WORDS], "tags": [TAGS] * len(WORDS)}),
}

# Each model meets each bitext, and each kind of items in turn.
COMBINATIONS = [
    (model, bitext, list(ITEMS)[(first + second) % len(ITEMS)])
    for first, model in enumerate(MODELS)
    for second, bitext in enumerate(BITEXT)
]


@pytest.mark.parametrize(("model", "bitext", "items"), COMBINATIONS)
def test_everything_goes_into_everything(tiny_folder, tmp_path, model, bitext, items):
    held, pairs, data = MODELS[model](tiny_folder), BITEXT[bitext](tmp_path), ITEMS[items]()
    module = getattr(held, "model", held) if model == "encoder" else held
    is_named = isinstance(held, str | Path)
    before = None if is_named else outside(module)
    values = None if is_named else {name: value.clone() for name, value in module.state_dict().items()}
    options = {"steps": 1, "batch_size": 2, "learning_rate": 1e-2, "device": "cpu"}
    realigned = af.realign(held, pairs, languages=("en", "de"), freeze="front", **options)
    assert realigned.history.pairs + realigned.history.pairs_without_links == len(PAIRS)
    if not is_named:
        assert outside(module) == before
        moved = [name for name, value in module.state_dict().items() if not torch.equal(value, values[name])]
        assert moved and not any(".layer.0." in name or ".layer.1." in name for name in moved)
    result = af.finetune(realigned.encoder, "pos", data, steps=1, batch_size=2, device="cpu")
    scores = af.evaluate(result.model, "pos", {"de": data}, device="cpu")
    assert [score.n for score in scores] == [sum(len(words) for words, _ in WORDS)]
    if not is_named:
        assert outside(module) == before


def outside(module):
    """Everything that a caller can see of a model besides its weights."""
    transformer = getattr(module, "transformers_model", module)
    base = transformer.get_base_model() if hasattr(transformer, "peft_config") else transformer
    return state_of(base)


def test_a_tokenizer_and_links_of_the_callers_own(tiny_folder):
    model, tokenizer = AutoModel.from_pretrained(tiny_folder), AutoTokenizer.from_pretrained(tiny_folder)
    given = {"tokenizer": tokenizer, "languages": ("en", "de"), "freeze": "front", "steps": 1, "device": "cpu"}
    lines = ["0-0 1-1 2-2 3-3 4-4"] * len(PAIRS)
    links = [[(number, number) for number in range(5)]] * len(PAIRS)
    first = af.realign(model, PAIRS, lines, **given)
    again = af.realign(AutoModel.from_pretrained(tiny_folder), PAIRS, links, **given)
    assert first.history.pairs == again.history.pairs == len(PAIRS)
    for ours, theirs in zip(model.parameters(), again.encoder.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_several_language_pairs_and_keys_as_on_the_command_line(tiny_folder):
    turkish = [(source, target.upper()) for source, target in PAIRS]
    options = {"steps": 1, "batch_size": 2, "device": "cpu"}
    for keys in ((("en", "de"), ("en", "tr")), ("en-de", "en-tr")):
        history = af.realign(str(tiny_folder), dict(zip(keys, (PAIRS, turkish), strict=True)), **options).history
        assert history.pairs + history.pairs_without_links == 2 * len(PAIRS)
    with pytest.raises(DataError, match=r"the bitext is a dict with the keys 'de', 'tr'; for several"):
        af.realign(str(tiny_folder), {"de": PAIRS, "tr": turkish}, **options)


@pytest.mark.parametrize("freeze", [None, 3, ["front"]], ids=repr)
def test_what_is_no_freeze_policy(tiny_folder, freeze):
    with pytest.raises(SettingsError, match="freeze: expected a policy such as 'front'"):
        af.realign(str(tiny_folder), PAIRS, languages=("en", "de"), freeze=freeze, steps=1)


def test_random_numbers_go_on_as_before(tiny_folder):
    def draw():
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = draw(), draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    first = draw()
    encoder = af.realign(str(tiny_folder), PAIRS, languages=("en", "de"), steps=1, device="cpu").encoder
    af.finetune(encoder, "pos", ITEMS["pairs"](), steps=1, device="cpu")
    assert (first, draw()) == expected


def test_a_fine_tuned_model_gives_the_same_output_each_time(tiny_folder):
    tagger, _ = af.finetune(str(tiny_folder), "pos", ITEMS["pairs"](), steps=1, device="cpu")
    assert not any(module.training for module in tagger.model.modules())


@pytest.mark.parametrize("code", ["not a code", "d e"])
def test_a_wrong_code_is_said_before_the_tests(tiny_folder, code):
    tagger, _ = af.finetune(str(tiny_folder), "pos", ITEMS["pairs"](), steps=1, device="cpu")
    with pytest.raises(DataError, match=f"{code!r} is no language code"):
        af.evaluate(tagger, "pos", {"de": ITEMS["pairs"](), code: ITEMS["pairs"]()}, device="cpu")


def test_remarks_are_warnings_of_a_logger_in_a_script(caplog):
    with caplog.at_level("WARNING", logger="alignfreeze"):
        remark("one thing")
    assert caplog.messages == ["one thing"]


def test_a_sentence_transformer_is_not_converted_again(tiny_folder, tmp_path):
    with pytest.raises(SettingsError, match="this is a SentenceTransformer already, with a pooling of its own"):
        af.convert_model(sentence_transformer(tiny_folder), tmp_path / "out", to="sentence-transformers")
