import subprocess

import pytest

from alignfreeze.corpora.annotated import read_conllu
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
        ("Ann B-PER\nLee B-PER\nSmith I-LOC\n", r"line 3: .*the tag before it is 'B-PER'"),
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


def words_of(sentences):
    return [sentence.words for sentence in sentences]


@pytest.mark.parametrize(
    "text",
    [
        "Flood\tO\nin\tO\n#Bergen\tB-LOC\ntoday\tO\n",
        "Flood O\nin O\n#Bergen B-LOC\ntoday O\n",
        "#Flood O\n# O\n#Bergen B-LOC\ntoday O\n",
        "# text = Flood #Bergen\n#Flood\tO\n#\tO\n#Bergen\tB-LOC\n#today\tO\n",
        "#Flood N O\nin P O\n#Bergen N B-LOC\ntoday A O\n",
        "#newdoc\n# id: 5\n#Flood O\n#in O\n#Bergen B-LOC\n#today O\n",
    ],
    ids=["tabs", "spaces", "first in the file", "all of them", "three columns", "after comments"],
)
@pytest.mark.parametrize("reader", [read_iob2, read_columns])
def test_a_word_may_begin_with_the_sign_of_comments(tmp_path, text, reader):
    (sentence,) = read(tmp_path, text, reader)
    assert sentence.tags == ("O", "O", "B-LOC", "O")
    assert sentence.words[2] == "#Bergen"


@pytest.mark.parametrize("reader", [read_iob2, read_columns])
def test_comments_stand_before_the_words_of_a_sentence(tmp_path, reader):
    text = "# newdoc\n# text = one B-LOC\n##\n# of another width\na\tO\tO\n\n# sent_id = 2\nb\tX\tO\n"
    assert words_of(read(tmp_path, text, reader)) == [("a",), ("b",)]
    with pytest.raises(DataError, match="line 2: a comment inside a sentence; an empty line must stand before"):
        read(tmp_path, "a O\n# sent_id = 2\nb O\n", reader)
    with pytest.raises(DataError, match=r"line 2: expected a word and its tag.*the other lines are separated by tabs"):
        read(tmp_path, "a\tO\n#newdoc\nb\tO\n", reader)


def test_a_line_that_may_be_word_or_comment_is_refused(tmp_path):
    assert words_of(read(tmp_path, "# X\na X\n", read_columns)) == [("#", "a")]
    with pytest.raises(DataError, match=r"line 1: is '# newdoc' a word with its tag or a comment?"):
        read(tmp_path, "# newdoc\na X\n", read_columns)
    assert words_of(read(tmp_path, "# newdoc\na O\n")) == [("a",)]
    with pytest.raises(DataError, match="line 1: 3 columns, but line 2 has 2"):
        read(tmp_path, "#New York B-LOC\nis O\nbig O\n")


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u2009", "\u3000", "\u2028", "\x1f", "\x85"])
@pytest.mark.parametrize("separator", [" ", "\t", "   "])
@pytest.mark.parametrize("reader", [read_iob2, read_columns])
def test_only_ascii_spaces_and_tabs_separate_columns(tmp_path, space, separator, reader):
    text = f"Rue{space}Royale{separator}B-LOC\n{space}{separator}O\nis{space}{separator}O\n"
    (sentence,) = read(tmp_path, text, reader)
    assert (sentence.words, sentence.tags) == ((f"Rue{space}Royale", space, f"is{space}"), ("B-LOC", "O", "O"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "New York B-LOC\nis O\nbig O\n",
            "line 1: 3 columns, but line 2 has 2; all lines need the same",
        ),
        ("is O\nNew York B-LOC\n", "line 2: 3 columns, but line 1 has 2"),
        ("is\tX\tO\nbig\tX\tO\n\nOslo\tO\n", "line 4: 2 columns, but line 1 has 3"),
        ("is\tO\nbig\tO\nNew York\n", "line 3: expected a word and its tag.*separated by tabs"),
        ("a\tX\t\nb\tY\t\n", "line 1: the tag of 'a' is empty"),
        ("a\tO\n\tO\n", "line 2: the word is empty; give every tag a word"),
        ("a\tO\n \tO\n", "line 2: the word is empty; give every tag a word"),
        ("a X\ntoken tag\n", "line 2: 'token' and 'tag' are names of columns; remove this line"),
        ("a\tX\nb\tNaN\n", "line 2: the label 'NaN' is what programs write"),
        ("word,tag\na,X\n", r"line 1: the columns are separated by commas \(CSV\)"),
        ('{"tokens": ["a"], "tags": ["X"]}\n', "line 1: expected one word and its tag per line, found JSON"),
        ('[\n{"tokens": ["a"], "tags": ["X"]}]\n', "line 1: expected one word and its tag per line, found JSON"),
    ],
)
def test_lines_that_do_not_fit_are_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, read_columns)


def test_minus_one_is_no_tag(tmp_path):
    for reader in (read_iob2, read_columns):
        assert read(tmp_path, "a O\nb -1\n", reader)[0].tags == ("O", None)


@pytest.mark.parametrize(
    "text",
    [
        "1 CD O\n\nMaria NNP B-PER\nsings VBZ O\n",
        "1 CD O\n2 CD O\n3 CD O\n\nMaria NNP B-PER\nsings VBZ O\n",
        "1 CD O\n2 CD O\n\nMaria NNP B-PER\n\nsings VBZ O\nwell RB O\n",
    ],
)
@pytest.mark.parametrize("most", [1, None])
def test_the_whole_file_tells_whether_words_are_numbered(tmp_path, remarks, text, most):
    for reader in (read_iob2, read_columns):
        assert read(tmp_path, text, reader, max_sentences=most)[0].words[0] == "1"
    assert "words are read from column 1, also where they are numbers (line 1)" in remarks[0]


def test_numbers_of_words_are_said(tmp_path, remarks):
    assert words_of(read(tmp_path, "1\tAnn\tO\n2\tis\tO\n\n1\t22\tO\n")) == [("Ann", "is"), ("22",)]
    assert "column 1 numbers the words; words are read from column 2 and tags from column 3" in remarks[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 a X\n2 b X\n\n1 c X\n2 d X\n\ne f X\n", "line 7: column 1 numbers the words of most .*has 'e'"),
        ("1 a X\n2 b X\n1 c X\n", "line 3: column 1 seems to number .* word 3 of this sentence has the number '1'"),
        ("1-2 ab X\n1 a X\n2 b X\n\n1 c X\n", "line 1: .*leave out lines of several words"),
        ("0 a X\n1 b X\n", "line 1: column 1 seems to number .*Number the words of each sentence from 1"),
        ("1 a\n2 b\n\n1 c\n2 d\n", "line 1: column 1 numbers the words, and there is no column for tags"),
        ("1\ta\tb\tX\tY" + "\t_" * 5 + "\n", "line 1: this is CoNLL-U.* lemmas.*cut -f 2,5"),
        ("# c = 1\n1\ta\tb\tX\tY" + "\t_" * 5 + "\n# c = 1\n1\ta\tb\tX\tY" + "\t_" * 5, "line 2: this is CoNLL-U"),
        ("1-2\tab\t_\t_\t_" + "\t_" * 5 + "\n1\ta\tb\tX\tY" + "\t_" * 5 + "\n", "line 1: this is CoNLL-U"),
    ],
)
def test_files_that_disagree_about_numbers_are_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, read_columns, max_sentences=1)


@pytest.mark.parametrize("number", ["{}", "{}.", "{})", "({})", "[{}]", "{}:", "0{}"])
def test_numbers_of_words_in_any_spelling(tmp_path, number):
    first, second = number.format(1), number.format(2)
    text = f"{first}\tAnn\tB-PER\n{second}\tis\tO\n\n{first}\t22\tO\n"
    for reader in (read_iob2, read_columns):
        assert words_of(read(tmp_path, text, reader)) == [("Ann", "is"), ("22",)]
        assert words_of(read(tmp_path, text.replace("\t", " "), reader)) == [("Ann", "is"), ("22",)]
        with pytest.raises(DataError, match="line 5: column 1 seems to number"):
            read(tmp_path, text + f"{first}\tOslo\tO\n", reader)
    assert words_of(read(tmp_path, f"{first} CD O\nis V O\n")) == [(first, "is")]


NUMBERED = [
    "1\tDogs\tdog\tNOUN\tNNS\t_\t2\tnsubj\t_\n2\tran\trun\tVERB\tVBD\t_\t0\troot\t_\n",
    "1\tDogs\tdog\tNOUN\tNNS\n1-2\tx\t_\t_\t_\n2\tran\trun\tVERB\tVBD\n",
    "1 Dogs dog NOUN NNS _ 2 nsubj _ _\n1-2 x _ _ _ _ _ _ _ _\n2 ran run VERB VBD _ 0 root _ _\n",
    "1. Dogs dog NOUN NNS\n2. ran run VERB VBD\n",
    "1\tDogs\tdog\tNOUN\tNNS" + "\t_" * 5 + "\n2\tran\trun\tVERB\tVBD" + "\t_" * 5 + "\n",
]


@pytest.mark.parametrize("text", NUMBERED, ids=["9 columns", "5 columns", "10 with spaces", "4 with spaces", "CoNLL-U"])
def test_no_lemmas_are_read_and_the_message_has_a_command_that_works(tmp_path, text):
    text = f"# text = Dogs ran\n{text}\n{text}"
    with pytest.raises(DataError, match=r"line 2: .*(lemmas|column 3 has 'dog', column 4 has).* > NEW$") as caught:
        read(tmp_path, text, read_columns)
    command = str(caught.value).rsplit(": ", 1)[1]
    subprocess.run(command.replace("FILE", "file.iob2").replace("NEW", "new"), shell=True, check=True, cwd=tmp_path)
    tags = ("NOUN", "VERB") if "column 4" in str(caught.value) else ("NNS", "VBD")
    sentences = read_columns(tmp_path / "new")
    assert [(each.words, each.tags) for each in sentences] == [(("Dogs", "ran"), tags)] * 2


def test_a_column_of_lemmas_alone_is_refused(tmp_path):
    for text in ("1 Dogs dog\n2 sleep sleep\n3 . .\n", "1\tDogs\tdog\t_\n2\tsleep\tsleep\t_\n"):
        with pytest.raises(DataError, match="line 2: column 3 seems to hold lemmas, not tags: the one of 'sleep'"):
            read(tmp_path, text, read_columns)
    assert read(tmp_path, "1 Dogs NNS\n2 sleep VBP\n3 . .\n", read_columns)[0].tags == ("NNS", "VBP", ".")


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("1 Oslo NNP B-LOC\n2 grows VBZ O\n\n1 Yes UH O\n", 4),
        ("1. Oslo oslo NNP B-LOC\n2. grows grow VBZ O\n\n1. Yes yes UH O\n", 5),
        ("1\tOslo\tB-LOC\tB-LOC#O\ts\n2\tgrows\tO\tO#O\ts\n\n1\tYes\tO\tO#O\ts\n", 3),
        ("1\tOslo\tB-LOC\t-\t_\n2\tgrows\tO\t-\t_\n\n1\tYes\tO\t-\tx\n", 3),
    ],
)
def test_entities_behind_other_columns_of_numbered_words(tmp_path, remarks, text, tags):
    sentences = read(tmp_path, text)
    assert [(each.words, each.tags) for each in sentences] == [(("Oslo", "grows"), ("B-LOC", "O")), (("Yes",), ("O",))]
    assert f"words are read from column 2 and tags from column {tags}" in remarks[0]


@pytest.mark.parametrize("tag", ["B-LOC", "LOC"])
def test_chunks_are_not_taken_for_entities(tmp_path, tag):
    with pytest.raises(DataError, match=r"line 1: .*several columns may hold their tags: column 3 has 'NNP', column 4"):
        read(tmp_path, f"1 Oslo NNP B-NP {tag}\n2 grows VBZ B-VP O\n")


def test_a_language_code_before_all_words_is_removed_and_said(tmp_path, remarks):
    assert words_of(read(tmp_path, "simple:Oslo B-LOC\nsimple:: O\n")) == [("Oslo", ":")]
    assert "the language code 'simple:' before each word is removed" in remarks[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("en:Oslo B-LOC\nOslo B-LOC\n", "line 2: other words have the language code 'en:' .* this one is 'Oslo'"),
        ("en:Oslo\tB-LOC\nen:\tO\nen:x\tO\n", "line 2: other words have .* this one is 'en:'"),
        ("en:a O\nen:b O\n\nde:c O\n", "line 4: .*this one is 'de:c'"),
    ],
)
def test_mixed_language_codes_are_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, max_sentences=1)


def test_a_sentence_of_very_many_words_is_said(tmp_path, remarks):
    read(tmp_path, "a O\n" * 1001 + "\nb O\n")
    assert "a sentence has 1,001 words; is there an empty line after each sentence?" in remarks[0]


@pytest.mark.parametrize("reader", [read_iob2, read_columns, read_conllu])
def test_a_file_of_one_sentence_with_many_words_is_said(tmp_path, remarks, reader):
    columns = "{0}\t{1}\t_\tX\t_\t_\t_\t_\t_\t_\n" if reader is read_conllu else "{1} O\n"
    words = ["a", "b", "c", ".", "d", "?"] * 17
    text = "".join(columns.format(n, word) for n, word in enumerate(words, start=1))
    read(tmp_path, text + "\n" + columns.format(1, "a"), reader)
    read(tmp_path, text + "\n" + columns.format(1, "a"), reader, max_sentences=1)
    assert remarks == []
    assert len(read(tmp_path, text, reader)[0].words) == 102
    assert "the whole file is one sentence of 102 words, with 33 full stops inside; is there an empty" in remarks[0]


@pytest.mark.parametrize("columns", ["{0} {1} O\n", "{1} {0} O\n", "{1} {0}. O\n", "{1} 5 {0} O\n"])
@pytest.mark.parametrize("reader", [read_iob2, read_columns])
def test_numbers_that_begin_again_show_that_empty_lines_are_lost(tmp_path, columns, reader):
    text = "".join(columns.format(n % 6 + 1, f"w{n}") for n in range(102))
    with pytest.raises(DataError, match=r"line 7: column [123] .*an empty line"):
        read(tmp_path, text, reader)
    good = "".join(f"w{n} {n % 2} {n} O\n" for n in range(102))
    assert len(read(tmp_path, good, reader)[0].words) == 102


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


@pytest.mark.parametrize("reader", [read_iob2, read_columns])
@pytest.mark.parametrize(("character", "name"), [("\0", "NUL character"), ("\r", "carriage return")])
def test_no_control_character_in_a_word(tmp_path, reader, character, name):
    path = tmp_path / "file"
    path.write_bytes(f"in\tO\nOs{character}lo\tB-LOC\nx\tO\n".encode())
    with pytest.raises(DataError, match=f"line 2: the word 'Os.*lo' has a {name} in it"):
        reader(path)


@pytest.mark.parametrize("row", ["1\t{}\t{}\t_", "{}\t_\t_\t{}"])
@pytest.mark.parametrize("reader", [read_iob2, read_columns])
def test_a_source_behind_a_tab_is_a_comment(tmp_path, reader, row):
    comment = "#\thttp://de.wikipedia.org/wiki/{} [2009-10-17]\n"
    text = "".join(comment.format(town) + row.format(town, "B-LOC") + "\n\n" for town in ("Bonn", "Oslo"))
    assert [sentence.words for sentence in read(tmp_path, text, reader)] == [("Bonn",), ("Oslo",)]
    with pytest.raises(DataError, match=r"line 1: 2 columns, but line 2 has 4"):
        read(tmp_path, "#\tO\n" + row.format("Bonn", "B-LOC") + "\n")


@pytest.mark.parametrize("between", ["\n", ""], ids=["sentences", "no empty lines"])
@pytest.mark.parametrize("name", ["Sentence: {}", "s{}", "train-{}", "{}"])
@pytest.mark.parametrize("sign", ["\t", " "])
def test_a_column_that_names_the_sentences_is_cut(tmp_path, name, sign, between):
    if sign in name:
        return
    sentences = [("Ann", "saw", "Bonn"), ("Oslo", "is", "old"), ("Ann",), ("Bonn", "too")]
    blocks = [
        "".join(sign.join([name.format(number), word, "NN", "O"]) + "\n" for word in words)
        for number, words in enumerate(sentences, start=1)
    ]
    for reader in (read_iob2, read_columns):
        with pytest.raises(
            DataError, match=r"line 1: column 1 has .*1' in 3 lines one after the other.*Cut it:"
        ) as error:
            read(tmp_path, between.join(blocks), reader)
        command = str(error.value).split("Cut it: ")[1].replace("FILE", "file.iob2").replace("NEW", "new")
        subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
        assert [sentence.words for sentence in reader(tmp_path / "new")] == sentences


def test_words_that_are_said_twice_are_words(tmp_path):
    text = "ha UH O\nha UH O\n\nno UH O\nno UH O\n\nAnn NN O\nlaughs VB O\n"
    assert [sentence.words for sentence in read(tmp_path, text)] == [("ha", "ha"), ("no", "no"), ("Ann", "laughs")]


TREE_TAGGER = "Dogs NNS dog\nrun VBP run\nquickly RB quickly\n. SENT .\n\nAnn NP Ann\nran VBD run\n"


@pytest.mark.parametrize("sign", ["\t", " "])
def test_lemmas_behind_the_tags_are_refused(tmp_path, sign):
    text = TREE_TAGGER.replace(" ", sign)
    with pytest.raises(DataError, match=r"line 2: column 3 seems to hold lemmas, .*'run'.* For the tags of") as error:
        read(tmp_path, text, read_columns)
    command = str(error.value).split("another one: ")[1].replace("FILE", "file.iob2").replace("NEW", "new")
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    sentences = read_columns(tmp_path / "new")
    assert [(s.words, s.tags) for s in sentences] == [
        (("Dogs", "run", "quickly", "."), ("NNS", "VBP", "RB", "SENT")),
        (("Ann", "ran"), ("NP", "VBD")),
    ]
    with pytest.raises(DataError, match=r"column 2 seems to hold lemmas.* needs a column with tags"):
        read(tmp_path, "Dogs dog\nrun run\nquickly quickly\n".replace(" ", sign), read_columns)


@pytest.mark.parametrize("sign", ["\t", " "])
@pytest.mark.parametrize("word", ["Town{}", "\u753a{}"])
def test_tags_in_front_of_the_words_are_refused(tmp_path, sign, word):
    words = [word.format(chr(ord("a") + number)) for number in range(20)]
    turned = "".join(f"{'NN' if n % 3 else 'NNP'}{sign}{text}\n" for n, text in enumerate(words))
    with pytest.raises(DataError, match=r"line 1: column 1 seems to hold the tags .*Turn them:") as error:
        read(tmp_path, turned, read_columns)
    command = str(error.value).split("Turn them: ")[1].replace("FILE", "file.iob2").replace("NEW", "new")
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    (sentence,) = read_columns(tmp_path / "new")
    assert sentence.words == tuple(words) and set(sentence.tags) == {"NN", "NNP"}


def test_a_tag_may_be_spelt_as_its_word(tmp_path):
    (sentence,) = read(tmp_path, "Noun NOUN\nnoun NOUN\nsees VERB\n", read_columns)
    assert sentence.tags == ("NOUN", "NOUN", "VERB")
    (sentence,) = read(tmp_path, "".join(f"A t{number}\n" for number in range(19)), read_columns)
    assert len(sentence.words) == 19


@pytest.mark.parametrize("reader", [read_iob2, read_columns])
@pytest.mark.parametrize("word", ['"""Hi"', '""""'])
def test_quotes_of_spreadsheets_around_words(tmp_path, remarks, reader, word):
    (sentence,) = read(tmp_path, f'"\tO\n{word}\tO\n"yes"\tO\n{word}\tO\n', reader)
    assert sentence.words == ('"', word, '"yes"', word)
    assert any("line 2: " in text and "in quotes, as spreadsheets" in text and "2 words" in text for text in remarks)
    with pytest.raises(DataError, match=r'line 2: the label "O" is in quotes.* export the sheet without quotes'):
        read(tmp_path, f'a\tO\n{word}\t"O"\n', reader)


def test_quotes_in_texts_are_words(tmp_path, remarks):
    text = '"\tO\n""\tO\n"yes"\tO\n``\tO\n"""\tO\nsay"\t"\n'
    assert len(read(tmp_path, text, read_columns)[0].words) == 6
    assert not remarks
