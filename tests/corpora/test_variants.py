"""Files as people have them, of kinds that were once read wrong without a word."""

import lzma

import pytest

from alignfreeze.alignment.dictionary import read_dictionary
from alignfreeze.corpora.annotated import read_conllu
from alignfreeze.corpora.bitext import read_bitext
from alignfreeze.corpora.columns import read_columns, read_iob2
from alignfreeze.corpora.labelled import read_labelled
from alignfreeze.corpora.words import find_splitter
from alignfreeze.errors import DataError

TMX = """<tmx version="1.4"><header srclang="en"/><body><tu>
<tuv xml:lang="en"><seg>{en}</seg></tuv><tuv xml:lang="de"><seg>{de}</seg></tuv></tu></body></tmx>"""


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("read", [read_columns, read_iob2])
def test_comments_with_facts_behind_a_tab(tmp_path, read):
    path = write(
        tmp_path / "a.conll", "# id 5\tdomain=en\nthe _ _ O\nBonn _ _ B-LOC\n\n# id 6\tdomain=en\nOslo _ _ B-LOC\n"
    )
    assert [sentence.words for sentence in read(path)] == [("the", "Bonn"), ("Oslo",)]


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("old.<br/>He", ("old", ".", "He")),
        ('Save,<ph type="lb"/>close', ("Save", ",", "close")),
        ("One<br/><bpt>&lt;b&gt;</bpt>Two<ept/>", ("One", "Two")),
        ("a<lb/><hi>b</hi>", ("a", "b")),
        ("one<!-- two -->word", ("oneword",)),
        ("one<?pi x?>word", ("oneword",)),
    ],
)
def test_breaks_and_comments_in_memories(tmp_path, markup, words):
    (pair,) = read_bitext(write(tmp_path / "a.tmx", TMX.format(en=markup, de="x")), languages=("en", "de"))
    assert pair.source == words


@pytest.mark.parametrize("odd", ["0.5\tA dog\tEin Hund", "A dog\tEin\tHund"])
def test_a_line_far_below_with_other_columns_is_refused(tmp_path, odd):
    path = write(tmp_path / "a.tsv", "A cat\tEine Katze\n" * 1100 + odd + "\n")
    with pytest.raises(DataError, match="line 1101: 3 columns, but the lines at the beginning have 2; choose with"):
        read_bitext(path, languages=("en", "de"))
    assert len(read_bitext(path, languages=("en", "de"), columns=("1", "2"))) == 1101


@pytest.mark.parametrize("header", ["Original\tTranslation", "source sentence\ttarget sentence", '"en"\t"de"'])
def test_names_of_columns_are_no_pair(tmp_path, header):
    pairs = read_bitext(write(tmp_path / "a.tsv", f"{header}\nA house\tEin Haus\n"), languages=("en", "de"))
    assert [pair.source for pair in pairs] == [("A", "house")]


@pytest.mark.parametrize(("language", "text"), [("ja", "がっこうへデータを"), ("th", "กำลังกินข้าว")])
def test_decomposed_letters_are_split_like_composed_ones(language, text):
    from unicodedata import normalize

    split = find_splitter(language)
    other = normalize("NFD", text).replace("\u0e33", "\u0e4d\u0e32")
    assert other != text
    assert split(other) == split(text)


def test_two_columns_of_one_name_are_refused(tmp_path):
    for header in ("text\tlabel\tlabel", "text\ttext\tlabel"):
        with pytest.raises(DataError, match="line 1: 2 columns are named"):
            read_labelled(write(tmp_path / "a.tsv", f"{header}\na\tb\tc\n"))


def test_a_word_without_a_number_is_no_comment(tmp_path):
    word = "{}\ta\t_\tX\t_\t_\t_\t_\t_\t_\n"
    with pytest.raises(DataError, match="line 2: not a CoNLL-U line"):
        read_conllu(write(tmp_path / "a.conllu", word.format(1) + word.format("#")))


def test_other_spaces_do_not_part_the_words_of_a_list(tmp_path):
    with pytest.raises(DataError, match=r"found 1 part\(s\)"):
        read_dictionary(write(tmp_path / "a.txt", "a\u00a0b\n"))
    assert read_dictionary(write(tmp_path / "a.txt", "a  b\n")) == {"a": frozenset({"b"})}


def test_old_compressions_are_named(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes(lzma.compress(b"a\tb\n", format=lzma.FORMAT_ALONE))
    with pytest.raises(DataError, match="compressed by lzma, which is not supported"):
        read_bitext(path, languages=("en", "de"))


def test_a_first_column_that_never_changes_holds_no_words(tmp_path):
    lines = "".join(f"bc/cctv/00 0 {place} word{place} NN\n" for place in range(20))
    with pytest.raises(DataError, match="line 1: column 1 has 'bc/cctv/00' in every line, so it holds no words"):
        read_columns(write(tmp_path / "a.conll", lines))
    assert len(read_columns(write(tmp_path / "a.conll", "ha x NN\n" * 19))[0].words) == 19


@pytest.mark.parametrize("header", ["FORM\tUPOS\tXPOS", "word_form\tpos\tPOS_tag", '"word"\t"x"\t"tag"'])
def test_names_above_words_are_refused(tmp_path, header):
    with pytest.raises(DataError, match=r"line 1: .* are names of columns; remove this line"):
        read_columns(write(tmp_path / "a.tsv", f"{header}\n\nthe\tDET\tDT\n"))


def test_codes_before_some_words_are_said(tmp_path, remarks):
    lines = "".join(f"{'en:' if place < 4 else ''}w{place}\tO\n" for place in range(10))
    (sentence,) = read_iob2(write(tmp_path / "a.iob2", lines))
    assert sentence.words[:1] == ("en:w0",)
    assert any("4 words begin with 'en:', the others do not" in text for text in remarks)


def test_labels_that_may_mean_none_are_said(tmp_path, remarks):
    read_labelled(write(tmp_path / "a.tsv", "text\tlabel\na\tNone\nb\tx\n"))
    assert any("1 rows have the label 'None'; if it means that there is none" in text for text in remarks)


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
def test_utf_32_without_a_mark_is_named(tmp_path, encoding):
    path = tmp_path / "a.tsv"
    path.write_bytes("A house\tEin Haus\n".encode(encoding))
    with pytest.raises(DataError, match=f"UTF-32 without a byte order mark.*{encoding.upper().replace('-32-', '-32')}"):
        read_bitext(path, languages=("en", "de"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tsv", "en,de\nA dog,Ein Hund\n", "line 1: expected two columns .* if this is CSV, separate"),
        ("a.tsv", "A dog;Ein Hund\n", "line 1: expected two columns .* if this is CSV, separate"),
        ("a.tsv", '"A dog\nruns"\t"Ein Hund"\n', "line 1: .* line ends inside a quoted cell are not read"),
        ("a.tsv", "<html><body>404</body></html>\n", "is this a web page or XML"),
        ("a.txt", "<!DOCTYPE html><html>\n", "line 1: this is a web page"),
        ("a.txt", '<xliff version="2.0">\n', "line 1: this is XLIFF"),
        ("a.mo", "\n", "this is a compiled catalogue, which is not read; .*msgunfmt"),
        ("a.xml", "<?xml version='1.0'?>\n<cesAlign/>", "a list of the links between sentences of OPUS"),
    ],
)
def test_files_of_other_formats_are_named(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message):
        read_bitext(write(tmp_path / name, text), languages=("en", "de"))


def test_tables_of_spreadsheets(tmp_path, remarks):
    path = write(tmp_path / "a.tsv", 'sep=\t\nA dog\tEin Hund\n"A ""cat"""\t"Eine ""Katze"""\n')
    assert [pair.source[:2] for pair in read_bitext(path, languages=("en", "de"))] == [("A", "dog"), ('"', "A")]
    assert any('line 3: cells are quoted as spreadsheets do, with "" for "' in text for text in remarks)


def test_quotes_of_sentences_are_no_quotes_of_cells(tmp_path, remarks):
    read_bitext(write(tmp_path / "a.tsv", '"Go!"\t"Los!"\n"A" or "B"\t"A" oder "B"\n'), languages=("en", "de"))
    assert not any("spreadsheets" in text for text in remarks)
