import json
import re

import pytest

from alignfreeze.corpora.bitext import BitextReader
from alignfreeze.errors import DataError, SettingsError
from tests.support.bitext import EN_DE, texts, write


def test_columns_by_number(tmp_path):
    path = write(tmp_path / "t.tsv", "7\tEin Hund\t0.9\tA dog\n")
    assert texts(path, columns=("4", "2")) == [("A dog", "Ein Hund")]


def test_columns_by_name_skip_the_header(tmp_path):
    path = write(tmp_path / "t.tsv", "id\ttgt\tsrc\n7\tEin Hund\tA dog\n")
    assert texts(path, columns=("src", "tgt")) == [("A dog", "Ein Hund")]


def test_a_column_that_is_not_there(tmp_path):
    path = write(tmp_path / "t.tsv", "id\ttgt\n7\tEin Hund\n")
    with pytest.raises(DataError, match=r"t.tsv, line 1: no column is named 'src'; choose two of 'id', 'tgt'"):
        texts(path, columns=("src", "tgt"))


@pytest.mark.parametrize("columns", [("0", "1"), ("00", "1"), ("2", "000")])
def test_columns_are_counted_from_1(tmp_path, columns):
    with pytest.raises(SettingsError, match=r"columns 0*\d,0*\d: columns are numbered from 1"):
        BitextReader(write(tmp_path / "t.tsv", "a\tb\n"), languages=EN_DE, columns=columns)
    fields = write(tmp_path / "t.jsonl", json.dumps(dict(zip(columns, ("A dog", "Ein Hund"), strict=True))))
    assert texts(fields, columns=columns) == [("A dog", "Ein Hund")]


def test_a_line_with_too_few_columns(tmp_path):
    path = write(tmp_path / "t.tsv", "a\tb\tc\na\tb\n")
    with pytest.raises(DataError, match="line 2: expected 3 columns separated by a tab, found 2"):
        texts(path, columns=("1", "3"))


PAIRS = [("The house is old.", "Das Haus ist alt."), ("We read books.", "Wir lesen Bücher.")]


@pytest.mark.parametrize(
    ("further", "said"),
    [
        ((["1.2345", "1.1987"], None, None), "column 1 holds numbers; columns 2 and 3 are read as sentences"),
        ((["12", "13"], ["77", "78"], None), "columns 2 and 4 are read as sentences"),
        ((["eng\tdeu"] * 2, None, None), "columns 3 and 4 are read as sentences"),
        (
            (["https://a.b/c", "www.d.e"], None, ["en"] * 2),
            "column 1 holds addresses; column 4 holds tags of languages",
        ),
        ((["s1.0", "s2.0"], None, ["CC-BY 2.0 (France) #1", "CC-BY 2.0 x"]), "column 1 holds identifiers"),
        ((None, ["|||"] * 2, None), "column 2 holds separators; columns 1 and 3 are read as sentences"),
        ((["Books", "Books"], None, None), "column 1 holds always the same; columns 2 and 3 are"),
        ((None, None, ["0.9", ""]), "column 3 holds numbers; columns 1 and 2 are read as sentences; --columns chooses"),
    ],
)
def test_the_columns_that_hold_sentences_are_chosen_and_that_is_said(tmp_path, remarks, further, said):
    before, between, behind = further
    sources, targets = zip(*PAIRS, strict=True)
    columns = [column for column in (before, sources, between, targets, behind) if column]
    path = write(tmp_path / "t.tsv", "".join("\t".join(row) + "\n" for row in zip(*columns, strict=True)))
    assert texts(path) == PAIRS
    assert said in remarks[-1]


def test_equal_lines_with_tags(tmp_path):
    assert texts(write(tmp_path / "t.tsv", "en\tde\tA dog\tEin Hund\n" * 3)) == [("A dog", "Ein Hund")] * 3


def test_equal_lines_with_a_score(tmp_path):
    assert texts(write(tmp_path / "t.tsv", "1.25\tThe house.\tDas Haus.\n" * 3)) == [("The house.", "Das Haus.")] * 3


@pytest.mark.parametrize(
    "lines",
    [
        ["en\tde", "{0}\t{1}"],
        ["source\ttarget\tscore", "{0}\t{1}\t0.9"],
        ["German\tid\tEnglish", "{1}\t7\t{0}"],
        ["score\tdeu_Latn\teng_Latn", "x\t{1}\t{0}"],
        ["", "Sentence_en\tsentence_de", "{0}\t{1}"],
        ["id\ta\tb", "7\t{0}\t{1}"],
    ],
)
def test_names_of_columns_are_no_pair_and_say_which_columns_are_read(tmp_path, remarks, lines):
    head, row = lines[:-1], lines[-1]
    path = write(tmp_path / "t.tsv", "\n".join([*head, *(row.format(*pair) for pair in PAIRS)]))
    assert texts(path) == PAIRS
    assert "the first line names the columns" in remarks[-1]


def test_names_above_numbered_columns_are_no_pair(tmp_path):
    path = write(tmp_path / "t.tsv", "id\tde\ten\n7\tEin Hund\tA dog\n")
    assert texts(path, columns=("3", "2")) == [("A dog", "Ein Hund")]


def test_tags_of_languages_tell_the_order_of_the_texts(tmp_path):
    row = "deu\teng\tEin Hund\tA dog\n"
    assert texts(write(tmp_path / "t.tsv", row)) == [("A dog", "Ein Hund")]
    with pytest.raises(DataError, match=r"t\.tsv: lines are in different languages, by their columns of tags"):
        texts(write(tmp_path / "t.tsv", row + "eng\tdeu\tA cat\tEine Katze\n"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1276\t2345", "fewer than two columns look like sentences (of the columns, 1 holds numbers, 2 holds numbers)"),
        ("0.9\tA dog", "fewer than two columns look like sentences (of the columns, 1 holds numbers, 2 holds text)"),
        ("en/x/1.xml.gz\tde/x/1.xml.gz\ts1.0\ts1.0", "fewer than two"),
        ("A dog\tEin Hund\tUn chien", "more than two columns look like sentences"),
    ],
)
def test_what_is_unclear_is_refused_and_the_option_decides(tmp_path, line, message):
    path = write(tmp_path / "t.tsv", f"{line}\n")
    with pytest.raises(DataError, match=re.escape(message) + r".*choose with --columns SOURCE,TARGET"):
        texts(path)
    assert texts(path, columns=("1", "2")) == [tuple(line.split("\t")[:2])]


def test_a_pair_of_numbers_among_sentences_is_a_pair(tmp_path, remarks):
    pairs = [("1", "1"), ("A dog", "Ein Hund"), ("2", "2")]
    assert texts(write(tmp_path / "t.tsv", "".join(f"{a}\t{b}\n" for a, b in pairs))) == pairs
    assert len(remarks) == 1


def test_lines_with_further_columns_are_said(tmp_path, remarks):
    path = write(tmp_path / "t.tsv", "A dog\tEin Hund\nA cat\tEine\tKatze\n")
    assert texts(path) == [("A dog", "Ein Hund"), ("A cat", "Eine")]
    assert "some lines have 3 columns; columns 1 and 2 are read as sentences" in remarks[-1]


def test_lines_with_a_return_at_the_end_of_a_cell_are_one_line(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_bytes(b"1\tA dog\r\tEin Hund\r\n2\tA\rcat\tEine Katze\n3\tOne\tEins\n")
    assert texts(path) == [("A dog", "Ein Hund"), ("A cat", "Eine Katze"), ("One", "Eins")]


LATE = 1200
"""A line behind those from which the columns are chosen."""


@pytest.mark.parametrize("late", [0, LATE])
@pytest.mark.parametrize(
    ("row", "odd"),
    [
        ("en\tde\t{0}\t{1}", "de\ten\t{1}\t{0}"),
        ("en\tde\t{0}\t{1}", "en\tfr\t{0}\t{1}"),
        ("7\tdeu\t{0}\t{1}\teng", "7\teng\t{0}\t{1}\tdeu"),
        ("{0}\t{1}\tde", "{0}\t{1}\tfr"),
    ],
)
def test_tags_of_other_languages_are_refused_wherever_they_stand(tmp_path, row, odd, late):
    lines = [row.format(*PAIRS[number % 2]) for number in range(late + 2)] + [odd.format(*PAIRS[0])]
    path = write(tmp_path / "t.tsv", "".join(f"{line}\n" for line in lines))
    where = (
        f", line {late + 3}: column [1-5] holds '(de|fr|eng)' here, and the tags of .* above; choose" if late else ""
    )
    with pytest.raises(DataError, match=rf"t\.tsv{where}"):
        texts(path)
    columns = ("1", "2") if row.startswith("{") else ("3", "4")
    assert len(texts(path, columns=columns)) == late + 3


def test_tags_below_names_of_columns(tmp_path):
    head = "lang1\tlang2\tsource\ttarget\n"
    assert texts(write(tmp_path / "t.tsv", head + "en\tde\tA dog\tEin Hund\n" * 3)) == [("A dog", "Ein Hund")] * 3
    with pytest.raises(DataError, match="the first line and the tags of languages name other columns as the source"):
        texts(write(tmp_path / "t.tsv", head + "de\ten\tEin Hund\tA dog\n" * 3))


def test_a_column_of_tags_of_a_language_that_is_not_asked_for(tmp_path):
    path = write(tmp_path / "t.tsv", "".join(f"en\tfr\t{word}\t{word}e\n" for word in ("chat", "rat")))
    with pytest.raises(DataError, match="column 2 holds 'fr', the tag of another language; choose"):
        texts(path)


@pytest.mark.parametrize("late", [1, LATE])
@pytest.mark.parametrize(
    ("header", "row"), [("en\tde", "{0}\t{1}"), ("id\ten\tde", "7\t{0}\t{1}"), ("Source\tTarget", "{0}\t{1}")]
)
def test_a_header_in_the_middle_is_left_out_and_said(tmp_path, remarks, header, row, late):
    lines = [header, *[row.format(*PAIRS[0])] * late, header.upper(), row.format(*PAIRS[1]), header]
    path = write(tmp_path / "t.tsv", "".join(f"{line}\n" for line in lines))
    assert texts(path) == [PAIRS[0]] * late + [PAIRS[1]]
    assert remarks[-1] == f"{path}, line {late + 2}: the names of the columns stand here again; such lines are left out"


@pytest.mark.parametrize(("header", "row"), [("en\tde", "{0}\t{1}"), ("id\ten\tde", "7\t{0}\t{1}")])
def test_a_header_in_another_order_is_refused(tmp_path, header, row):
    other = header.replace("en\tde", "de\ten")
    path = write(tmp_path / "t.tsv", "\n".join([header, row.format(*PAIRS[0]), other, row.format(*PAIRS[1][::-1])]))
    with pytest.raises(DataError, match="line 3: this line names the columns in another order than the first line"):
        texts(path)


def test_a_header_below_lines_without_one_is_said(tmp_path, remarks):
    path = write(tmp_path / "t.tsv", "A dog\tEin Hund\nEnglish\tDeutsch\n")
    assert texts(path) == [("A dog", "Ein Hund"), ("English", "Deutsch")]
    assert remarks[-1] == f"{path}, line 2: this line looks like names of columns; it is read as a pair"


def test_a_header_with_more_columns_than_a_line(tmp_path):
    path = write(tmp_path / "t.tsv", "id\ten\tde\n7\tA dog\n")
    with pytest.raises(DataError, match=r"t\.tsv, line 2: expected 3 columns separated by a tab, found 2"):
        texts(path)


def test_many_short_lines_are_read_fast(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("alignfreeze.corpora.forms.tsv.find_header", lambda *cells: asked.append(cells))
    lines = [f"word {number}\tWort {number}\n" for number in range(500)] + ["English\tDeutsch\n"]
    assert len(texts(write(tmp_path / "t.tsv", "".join(lines)))) == 501
    assert len(asked) == 1  # the names of languages take long to look up


@pytest.mark.parametrize("lines", ["1\teng\tHi.\tC\t\\N\n2\tdeu\tHallo.\tX\t\\N\n", "en\tHi.\tC\nde\tHallo.\tX\n"])
def test_one_column_of_tags_of_both_languages_means_a_sentence_a_line(tmp_path, lines):
    path = write(tmp_path / "t.tsv", lines)
    with pytest.raises(DataError, match="one column holds tags of both languages, so each line seems to hold one sent"):
        texts(path)
    assert len(texts(path, columns=("2", "3"))) == 2


@pytest.mark.parametrize(
    "lines",
    [
        "id0\tThe house is old.\nid1\tWe read books.\n",
        "key\tsentence\nThe house.\ts-1.0\nA tree.\ts-2.0\nNo.\ts-3.0\n",
        "x9f3\t新冠\nb77a\t房子\n",
    ],
)
def test_identifiers_are_no_sentences_beside_one_column(tmp_path, lines):
    path = write(tmp_path / "t.tsv", lines)
    with pytest.raises(DataError, match=r"fewer than two columns look like sentences .* holds identifiers.*--columns"):
        texts(path)
    assert len(texts(path, columns=("1", "2"))) == lines.count("\n")


@pytest.mark.parametrize("lines", ["A4\tA4\nMP3\tMP3\n", "id0\tA house.\n", "CD\tMP3\nCD\tD\n", "A4\ta b\nA4\tc\n"])
def test_words_with_digits_are_words(tmp_path, lines):
    assert len(texts(write(tmp_path / "t.tsv", lines))) == lines.count("\n")


BODY = "The house is old.\tDas Haus ist alt.\nA tree.\tEin Baum.\n"


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("en\tfr", "English and French"),
        ("eng\tfra", "English and French"),
        ("English\tFrench", "English and French"),
        ("src_en\ttgt_fr", "English and French"),
        ("Français\tDeutsch", "French and German"),
        ("fr_FR\tes", "French and Spanish"),
    ],
)
def test_a_first_line_that_names_other_languages_is_refused(tmp_path, header, named):
    path = write(tmp_path / "t.tsv", f"{header}\n{BODY}")
    with pytest.raises(DataError, match=rf"t.tsv, line 1: .* name the columns as {named}, not English and German"):
        texts(path)
    numbered = write(tmp_path / "n.tsv", f"id\t{header}\n" + "".join(f"1\t{line}\n" for line in BODY.splitlines()))
    with pytest.raises(DataError, match=rf"n.tsv, line 1: .* name the columns as {named}, not English and German"):
        texts(numbered)


@pytest.mark.parametrize("header", ["Englisch\tDeutsch", "anglais\tallemand", "sentence_eng\tsentence_deu"])
def test_a_first_line_that_names_the_languages_in_other_words_is_a_header(tmp_path, header, remarks):
    path = write(tmp_path / "t.tsv", f"{header}\n{BODY}")
    expected = [("The house is old.", "Das Haus ist alt."), ("A tree.", "Ein Baum.")]
    assert texts(path) == expected
    swapped = "".join("\t".join(line.split("\t")[::-1]) + "\n" for line in f"{header}\n{BODY}".splitlines())
    assert texts(write(tmp_path / "s.tsv", swapped)) == expected
    assert "the first line names the columns; columns 2 and 1 are read as sentences" in " ".join(remarks)


@pytest.mark.parametrize("lines", ["it\tes\nno\tnein\n", "English\tEnglisch\nDutch\tx\n", "so\tso\nI go.\tIch.\n"])
def test_short_words_and_names_of_one_language_are_pairs(tmp_path, lines):
    assert len(texts(write(tmp_path / "t.tsv", lines))) == 2


@pytest.mark.parametrize("sign", ["\0", "\x7f", "\u0301", "\ufffd"])
def test_odd_signs_in_a_first_line_name_no_language(tmp_path, sign):
    assert len(texts(write(tmp_path / "t.tsv", f"{sign}dog\t{sign}Hund\nA{sign}\t{sign}\n"))) == 2
