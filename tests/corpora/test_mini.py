import os
import unicodedata
from collections import Counter

import pytest

from alignfreeze.corpora import mini
from alignfreeze.corpora.annotated import UPOS, read_conllu
from alignfreeze.corpora.bitext import read_bitext
from alignfreeze.errors import DataError

ALL = [mini.SOURCE_LANGUAGE, *mini.LANGUAGES]
# Words of letters in the script of each language, as Unicode names them.
SCRIPTS = {"ar": "ARABIC", "hi": "DEVANAGARI", "ja": "CJK HIRAGANA KATAKANA", "ru": "CYRILLIC", "zh": "CJK"}


def test_there_is_enough_to_train_on():
    sentences = read_conllu(mini.mini_path("en-train.conllu"))
    assert len(sentences) >= 300
    assert len({sentence.words for sentence in sentences}) == len(sentences)
    tags = Counter(tag for sentence in sentences for tag in sentence.tags)
    assert set(tags) == set(UPOS)
    lengths = [len(sentence.words) for sentence in sentences]
    assert min(lengths) >= 4
    assert max(lengths) <= 25  # 20 words of text; what UD splits and punctuation come on top
    assert len(set(lengths)) > 10


@pytest.mark.parametrize("language", ALL)
def test_forty_tagged_test_sentences_a_language(language):
    sentences = read_conllu(mini.mini_path(f"{language}-test.conllu"))
    assert len(sentences) == 40
    assert all(tag is not None for sentence in sentences for tag in sentence.tags)
    assert len({tag for sentence in sentences for tag in sentence.tags}) >= 12


@pytest.mark.parametrize("language", ALL)
def test_words_spell_the_text(language):
    """The surface words, put together with the spaces that SpaceAfter tells, are the sentence."""
    path = mini.mini_path(f"{language}-test.conllu")
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        lines = block.split("\n")
        text = next(line.removeprefix("# text = ") for line in lines if line.startswith("# text = "))
        rows = [line.split("\t") for line in lines if not line.startswith("#")]
        covered, spelled = 0, ""
        for row in rows:
            if "-" in row[0]:
                covered = int(row[0].split("-")[1])
            elif int(row[0]) <= covered:
                continue
            spelled += row[1] + ("" if "SpaceAfter=No" in row[9] else " ")
        assert spelled.strip() == text


def test_no_test_sentence_is_trained_on():
    train = {sentence.words for sentence in read_conllu(mini.mini_path("en-train.conllu"))}
    test = {sentence.words for sentence in read_conllu(mini.mini_path("en-test.conllu"))}
    assert not train & test


@pytest.mark.parametrize("language", mini.LANGUAGES)
def test_two_hundred_sentence_pairs_a_language(language):
    pairs = read_bitext(mini.mini_path(f"en-{language}.tsv"), languages=("en", language))
    assert len(pairs) == 200
    assert len({pair.target for pair in pairs}) >= 199
    assert all(pair.source != pair.target for pair in pairs)
    english = [pair.source for pair in pairs]
    assert english == [p.source for p in read_bitext(mini.mini_path("en-de.tsv"), languages=("en", "de"))]


@pytest.mark.parametrize("language", SCRIPTS)
def test_each_language_is_written_in_its_script(language):
    text = mini.mini_path(f"en-{language}.tsv").read_text(encoding="utf-8")
    letters = [letter for line in text.splitlines() for letter in line.split("\t")[1] if letter.isalpha()]
    own = [letter for letter in letters if any(s in unicodedata.name(letter) for s in SCRIPTS[language].split())]
    assert len(own) / len(letters) > 0.97


def test_a_file_that_is_not_there():
    with pytest.raises(DataError, match=r"no file 'en-tr\.csv'.*Did you mean 'en-tr\.tsv'"):
        mini.mini_path("en-tr.csv")
    with pytest.raises(DataError, match="no file"):
        mini.mini_path("../bitext.py")


@pytest.fixture
def all_threads():
    """The tests' one thread would take minutes; the others are to have it back, lest they round otherwise."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("all_threads")
def test_a_tagger_trained_on_a_real_treebank_agrees_with_the_tags(shared_data):
    """Real English text and ours must be tagged alike: at least 85 of 100 words."""
    from alignfreeze.encoding.encoder import load_encoder
    from alignfreeze.evaluation.zero_shot import evaluate
    from alignfreeze.tasks.finetuning import FinetuningSettings, finetune
    from alignfreeze.tasks.table import TASKS

    train = read_conllu(shared_data / "ud" / "en-train.conllu")
    settings = FinetuningSettings(steps=100, learning_rate=5e-4)
    model, _ = finetune(load_encoder("embedded:e5-small"), TASKS["pos"], train, settings=settings, device="cpu")
    tests = {"en": read_conllu(mini.mini_path("en-test.conllu"))}
    assert evaluate(model, TASKS["pos"], tests, device="cpu")[0].value >= 0.85
