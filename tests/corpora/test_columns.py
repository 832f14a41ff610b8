import pytest

from alignfreeze.corpora.columns import read_columns, read_iob2
from alignfreeze.errors import DataError


def read(tmp_path, text, reader=read_iob2, **options):
    path = tmp_path / "file.iob2"
    path.write_text(text, encoding="utf-8")
    return reader(path, **options)


@pytest.mark.parametrize(
    "text",
    [
        "Ann\tB-PER\nlives\tO\n\n#\tO\n1\tO\n",
        "Ann B-PER\nlives O\n\n# O\n1 O\n",
        "Ann NNP I-NP B-PER\nlives VBZ I-VP O\n\n# SYM O O\n1 CD O O\n",
        "# sent_id = 1\n# text = Ann lives\n1\tAnn\tB-PER\t-\t-\n2\tlives\tO\t-\t-\n\n1\t#\tO\t-\t-\n2\t1\tO\t-\t-\n",
        "-DOCSTART- -X- O O\n\nAnn NNP I-NP B-PER\nlives VBZ I-VP O\n\n# SYM O O\n1 CD O O",
        "en:Ann\tB-PER\nen:lives\tO\n\nen:#\tO\nen:1\tO\n",
    ],
    ids=["tabs", "spaces", "CoNLL-2003", "Universal NER", "documents", "WikiANN"],
)
def test_the_same_sentences_in_every_form(tmp_path, text):
    sentences = read(tmp_path, text)
    assert [(s.words, s.tags) for s in sentences] == [(("Ann", "lives"), ("B-PER", "O")), (("#", "1"), ("O", "O"))]


def test_a_colon_in_some_words_is_no_language(tmp_path):
    (sentence,) = read(tmp_path, "re:invent\tB-ORG\nis\tO\n")
    assert sentence.words == ("re:invent", "is")


def test_no_more_sentences_than_wanted(tmp_path):
    assert len(read(tmp_path, "a O\n\nb O\n\nc O\n", max_sentences=2)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Ann B-PER\nLee I-LOC\n",
            r"line 2: the tag 'I-LOC' of 'Lee' continues an entity, but the tag before it is 'B-PER'",
        ),
        ("in O\nRome I-LOC\n", r"line 2: .*in IOB2 an entity begins with 'B-LOC'"),
        ("a O\n\nRome I-LOC\n", r"line 3: .*but the tag before it is 'O'"),
        ("Ann PER\n", r"line 1: the tag 'PER' of 'Ann' is not IOB2"),
        ("Ann\n", r"line 1: expected a word and its tag"),
        ("\n\n", "no sentence found"),
    ],
)
def test_what_is_not_iob2(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_tags_of_any_kind(tmp_path):
    (sentence,) = read(tmp_path, "a\tDET\nb\t_\nc\tI-X\n", read_columns)
    assert sentence.tags == ("DET", None, "I-X")


def test_real_files(shared_data):
    for path in sorted((shared_data / "uner").iterdir()):
        sentences = read_iob2(path)
        assert len(sentences) >= 190
        assert {tag[2:] for s in sentences for tag in s.tags if tag != "O"} <= {"PER", "LOC", "ORG", "OTH"}


def test_a_number_as_the_first_word_is_a_word(tmp_path):
    text = "22 CD B-NP B-CARDINAL\npeople NNS I-NP O\nin IN B-PP O\nParis NNP B-NP B-LOC\n\n1 CD O O\n"
    first, second = read(tmp_path, text)
    assert first.words == ("22", "people", "in", "Paris")
    assert first.tags == ("B-CARDINAL", "O", "O", "B-LOC")
    assert second.words == ("1",)
