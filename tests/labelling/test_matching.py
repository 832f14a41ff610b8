"""Files to label: what is written, what is read again, and what is refused with its line."""

import json

import pytest

from alignfreeze.errors import DataError
from alignfreeze.labelling.forms import write_items
from alignfreeze.labelling.matching import read_labels
from tests.labelling.support import ENTITIES, draw, draw_tags, keep, texts, words_of


@pytest.fixture
def tags(tmp_path):
    """A study with a drawing, and all its items in a file."""
    drawing = draw_tags()
    path = tmp_path / "to-label.conllu"
    keep(drawing, tmp_path)
    write_items(drawing, range(5), path)
    return drawing, tmp_path, path


def answer(path, label="NOUN", n=None):
    """Put a label at the first n questions of a file."""
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("\t?", f"\t{label}", -1 if n is None else n), encoding="utf-8")
    return path


def lines_with(path, text):
    return [number for number, line in enumerate(path.read_text().split("\n"), start=1) if text in line]


def test_questions_stand_at_the_words_that_matter(tags):
    drawing, _, path = tags
    assert path.read_text().count("\t?\t") == sum(len(drawing.asked(number)) for number in range(5)) == 8
    assert path.read_text().count(f"# sent_id = {drawing.name}-000") == 5


def test_labels_are_read_up_to_the_first_missing_one(tags):
    drawing, study, path = tags
    first = len(drawing.asked(0))
    found = read_labels(study, [answer(path, n=first)])
    assert len(found.truths) == 1
    assert [label for label in found.truths[0] if label] == ["NOUN"] * first
    assert found.gap == f"{drawing.name}-0002 ({path}, line {lines_with(path, '?')[0]})"
    assert found.waiting == 0


def test_labelled_items_after_a_gap_wait(tags):
    drawing, study, path = tags
    answer(path)
    row = lines_with(path, "NOUN")[0]
    lines = path.read_text().split("\n")
    lines[row - 1] = lines[row - 1].replace("NOUN", "?")
    path.write_text("\n".join(lines))
    found = read_labels(study, [path])
    assert (len(found.truths), found.waiting) == (0, 4)
    assert found.gap == f"{drawing.name}-0001 ({path}, line {row})"


def test_an_item_that_is_not_in_the_files_is_a_gap(tags):
    drawing, study, path = tags
    blocks = answer(path).read_text().split("\n\n")
    path.write_text("\n\n".join([blocks[0], *blocks[2:]]))
    found = read_labels(study, [path])
    assert (len(found.truths), found.waiting) == (1, 3)
    assert found.gap == f"{drawing.name}-0002, which is not in the files"


def test_tabs_after_a_comment_do_no_harm(tags):
    _, study, path = tags
    text = answer(path).read_text()
    path.write_text("\n".join(line + "\t" * 9 if line.startswith("#") else line for line in text.split("\n")))
    assert len(read_labels(study, [path]).truths) == 5


def test_whoever_cannot_tell_writes_a_line(tags):
    _, study, path = tags
    found = read_labels(study, [answer(path, "_")])
    assert len(found.truths) == 5
    assert not any(label for truth in found.truths for label in truth)


def test_items_may_stand_in_several_files_and_in_any_order(tags):
    _, study, path = tags
    blocks = answer(path).read_text().strip().split("\n\n")
    (study / "one.conllu").write_text("\n\n".join(reversed(blocks[2:])))
    (study / "two.conllu").write_text("\n\n".join(blocks[:2]) + "\n\n" + blocks[2])
    several = read_labels(study, [study / "one.conllu", study / "two.conllu"])
    assert several.truths == read_labels(study, [path]).truths


@pytest.mark.parametrize(
    ("before", "after", "line_of", "said"),
    [
        ("\t?", "\tNUON", "NUON", "the label 'NUON' of 'old' is none of those of the models"),
        ("\t?", "\tNUON", "NUON", "Did you mean 'NOUN'?"),
        ("\tdog\t", "\tcat\t", "\tcat\t", "was 'dog', and is 'cat'; keep the words as they were written"),
        ("-0001", "-0099", None, "there is no item"),
        ("# sent_id", "# id", None, "the comment '# sent_id = ...' before the sentence is missing"),
        ("\tthe\t_", "\tthe", None, "expected 10 columns"),
        ("\t?", "\t?NOUN", "?NOUN", "remove the question mark, if 'NOUN' is your label"),
        ("1\tthe\t", '"1"\t"the"', None, "Was the file saved by a spreadsheet?"),
    ],
)
def test_wrong_files_are_refused_with_their_line(tags, before, after, line_of, said):
    _, study, path = tags
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(DataError) as error:
        read_labels(study, [path])
    assert said in str(error.value)
    assert f"{path}, line " in str(error.value)
    if line_of is not None:
        assert f"line {lines_with(path, line_of)[0]}:" in str(error.value)
    assert path.read_text() == text.replace(before, after, 1)  # labels already made are never touched


def test_another_number_of_words_is_refused(tags):
    _, study, path = tags
    lines = path.read_text().split("\n")
    del lines[2]
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match="keep the words as they were written"):
        read_labels(study, [path])


def test_an_item_with_two_different_labels_is_refused_and_equal_ones_are_not(tags):
    _, study, path = tags
    block = answer(path).read_text().strip().split("\n\n")[0]
    other = study / "other.conllu"
    other.write_text(block)
    assert len(read_labels(study, [path, other]).truths) == 5
    other.write_text(block.replace("NOUN", "VERB", 1))
    with pytest.raises(DataError, match="is labelled twice, and differently; the first time is"):
        read_labels(study, [path, other])


def test_a_file_of_another_study_is_refused(tags, tmp_path_factory):
    _, _, path = tags
    other = tmp_path_factory.mktemp("other")
    with pytest.raises(DataError, match=r"line 3: .* was drawn for another study than .*; this study has no drawing"):
        read_labels(other, [path])
    keep(draw_tags(seed=7), other)
    with pytest.raises(DataError, match=f"was drawn for another study than {other}; this study has de-"):
        read_labels(other, [path])


def test_a_missing_study_is_said(tags):
    _, study, path = tags
    with pytest.raises(DataError, match="nostudy: no such folder"):
        read_labels(study / "nostudy", [path])


def test_a_file_without_items_is_refused(tags):
    _, study, path = tags
    path.write_text("\n")
    with pytest.raises(DataError, match="no item found"):
        read_labels(study, [path])


def test_proposals_stand_beside_the_questions_and_are_no_labels(tags):
    drawing, study, path = tags
    write_items(drawing, range(5), path, with_proposals=True)
    assert path.read_text().count("Proposal=") == 8
    assert not read_labels(study, [path]).truths


@pytest.fixture
def entities(tmp_path):
    drawing = draw(
        {"baseline": ["O B-PER O", "B-LOC I-LOC"], "full": ["O B-LOC O", "B-LOC O"]},
        task="ner",
        items=[words_of("the Ada sings"), words_of("New York")],
        labels=ENTITIES,
    )
    path = tmp_path / "to-label.iob2"
    write_items(drawing, range(2), path, with_proposals=True)
    return drawing, keep(drawing, tmp_path), path


def test_of_entities_the_whole_sentence_is_shown(entities):
    _, study, path = entities
    assert "the\tO\nAda\t?B-PER\nsings\tO\n" in path.read_text()
    assert "New\tB-LOC\nYork\t?I-LOC\n" in path.read_text()
    assert not read_labels(study, [path]).truths  # a proposal is no label
    path.write_text(path.read_text().replace("?", ""))
    assert len(read_labels(study, [path]).truths) == 2


def test_labels_that_are_not_iob2_are_refused(entities):
    _, study, path = entities
    path.write_text(path.read_text().replace("?B-PER", "I-PER").replace("?", ""))
    with pytest.raises(DataError, match=r"line \d+: the tag 'I-PER' of 'Ada' continues an entity"):
        read_labels(study, [path])


@pytest.mark.parametrize("suffix", ["jsonl", "tsv"])
@pytest.mark.parametrize("proposals", [False, True])
def test_texts_are_written_and_read(tmp_path, suffix, proposals):
    drawing = draw(
        {"baseline": ["good", "bad"], "full": ["good", "good"]},
        task="classification",
        items=texts("one\nline", 'say "two"'),
        labels=("good", "bad"),
    )
    path = tmp_path / f"to-label.{suffix}"
    write_items(drawing, range(2), path, with_proposals=proposals)
    study = keep(drawing, tmp_path)
    assert not read_labels(study, [path]).truths
    text = path.read_text().replace('"?"', '"good"').replace("\t?", "\tgood")
    path.write_text(text)
    assert read_labels(study, [path]).truths == (("good",), ("good",))
    path.write_text(text.replace("one", "two", 1))
    with pytest.raises(DataError, match=r"line \d: the text of .* was 'one line', and is 'two line'"):
        read_labels(study, [path])
    path.write_text(text.replace("good", "fine"))
    with pytest.raises(DataError, match="the label 'fine' is none of those of the models"):
        read_labels(study, [path])


def test_json_of_another_form_is_refused(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"id": 3, "text": "one", "label": "good"}))
    with pytest.raises(DataError, match="line 1: 'id': expected a text, got 3"):
        read_labels(tmp_path, [path])


def test_columns_are_found_by_their_names(tmp_path):
    """Somebody adds a column for notes, and moves the labels to the front."""
    drawing = draw(
        {"baseline": ["good", "bad"], "full": ["good", "good"]},
        task="classification",
        items=texts("one", "two"),
        labels=("good", "bad"),
    )
    study, path = keep(drawing, tmp_path), tmp_path / "to-label.tsv"
    write_items(drawing, range(2), path)
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    path.write_text(
        "".join(f"{name}\t{'label' if n == 0 else 'bad'}\t{text}\tnotes\n" for n, (name, text, _) in enumerate(rows))
    )
    assert read_labels(study, [path]).truths == (("bad",), ("bad",))
    path.write_text("".join(f"{name}\t{text}\tnotes\n" for name, text, _ in rows))
    with pytest.raises(DataError, match="line 2: 'label' is missing; keep the fields as they were written"):
        read_labels(study, [path])
    path.write_text("".join(f"{name}\t{label}\n" for name, _, label in rows))
    with pytest.raises(DataError, match=r"line 2: the text of .* was '(one|two)', and is ''"):
        read_labels(study, [path])


def test_a_sentence_without_questions_counts_only_if_somebody_has_looked_at_it(tmp_path):
    """All models agree on the second sentence, so that nothing but a question shows that it was read."""
    drawing = draw(
        {"baseline": ["B-PER O", "O O O"], "full": ["O O", "O O O"]},
        task="ner",
        items=[words_of("Ada sings"), words_of("it rains again")],
        labels=ENTITIES,
    )
    study, path = keep(drawing, tmp_path), tmp_path / "to-label.iob2"
    write_items(drawing, range(2), path)
    assert sorted(len(drawing.questions(draw)) for draw in range(2)) == [1, 1]
    assert path.read_text().count("\t?") == 2
    assert not read_labels(study, [path]).truths
    assert len(read_labels(study, [answer(path, "O")]).truths) == 2


def test_what_a_model_predicts_is_written_in_iob2(tmp_path):
    """Models may say that a word continues an entity that does not begin."""
    drawing = draw(
        {"baseline": ["I-PER I-PER O I-LOC"], "full": ["I-PER I-PER O B-LOC"], "front": ["B-PER I-PER I-PER O"]},
        task="ner",
        items=[words_of("Ada Lovelace saw London")],
        labels=ENTITIES,
    )
    study, path = keep(drawing, tmp_path), tmp_path / "to-label.iob2"
    write_items(drawing, [0], path, with_proposals=True)
    assert [line.split("\t")[1] for line in path.read_text().splitlines() if "\t" in line] == [
        "B-PER",
        "I-PER",
        "?O",
        "?B-LOC",
    ]
    path.write_text(path.read_text().replace("?", ""))
    assert read_labels(study, [path]).truths == (("B-PER", "I-PER", "O", "B-LOC"),)


def test_a_missing_empty_line_is_named(tags):
    _, study, path = tags
    lines = answer(path).read_text().split("\n")
    number = lines.index("")
    path.write_text("\n".join(lines[:number] + lines[number + 1 :]))
    with pytest.raises(DataError, match=f"line {number + 1}: the empty line after the sentence before is missing"):
        read_labels(study, [path])


def test_the_page_is_no_file_with_labels(tags):
    _, study, path = tags
    page = path.with_suffix(".html")
    page.write_text("<!doctype html>\n<title>Label</title>")
    with pytest.raises(DataError, match="this is the page; open it in a browser, and save the file"):
        read_labels(study, [page])


def test_labels_that_nobody_asked_for_are_said_not_to_count(tags, remarks):
    _, study, path = tags
    answer(path)
    read_labels(study, [path])
    assert not remarks
    rows = [line.split("\t") for line in path.read_text().split("\n")]
    more = 0
    for row in rows:
        if len(row) > 3 and row[3] == "_":
            row[3], more = "VERB", more + 1
    path.write_text("\n".join("\t".join(row) for row in rows))
    found = read_labels(study, [path])
    assert more > 1
    assert remarks == [f"{more} labels at words that were not asked for do not count"]
    assert sum(label == "NOUN" for truth in found.truths for label in truth) == 8
