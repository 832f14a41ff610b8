"""The page on which a speaker labels, in a real browser, opened from disk with no network."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")

from alignfreeze.corpora.annotated import UPOS
from alignfreeze.corpora.labelled import NLI, LabelledText
from alignfreeze.errors import OutputError
from alignfreeze.labelling.matching import read_labels
from alignfreeze.reports.label_keys import find_keys
from alignfreeze.reports.labelling_pages import page_beside
from tests.labelling.support import ENTITIES, draw, question, texts, words_of, write_page

ARABIC = ("أعلنت منظمة NATO القرار أمس .", "يقرأ الولد الكتاب الجديد اليوم .", "زار الرئيس مدينة القاهرة قبل أسبوع")
JAPANESE = ("猫 が 魚 を 食べる 。", "私 は 本 を 読む 。", "雨 が 止み まし た 。")


def draw_words(sentences, *, language, labels=UPOS):
    """Two models that differ on the first four words of sentences of six. One of the others is asked for, too."""
    return draw(
        {
            "baseline": [" ".join(["NOUN"] * 6) for _ in sentences],
            "full": [" ".join(["VERB"] * 4 + ["NOUN"] * 2) for _ in sentences],
        },
        items=[words_of(text) for text in sentences],
        labels=labels,
        language=language,
    )


def draw_entities():
    return draw(
        {"baseline": ["O B-PER O O", "B-LOC I-LOC O"], "full": ["O B-LOC O O", "B-LOC O O"]},
        task="ner",
        items=[words_of("Queen Ada sings here"), words_of("New York sleeps")],
        labels=ENTITIES,
    )


def draw_pairs():
    items = [LabelledText("A man\nsleeps.", None, "", "He 'sleeps'."), LabelledText("Dogs run.", None, "", "No.")]
    items = [replace(item, second=second) for item, second in zip(items, ("He 'sleeps'.", "No."), strict=True)]
    guesses = {"baseline": ["entailment", "neutral"], "full": ["neutral", "contradiction"]}
    return draw(guesses, task="nli", items=items, labels=NLI, language="sw")


def draw_answers():
    items = [
        question("Mji mkuu ni upi?", "Mji mkuu wa Kenya ni Nairobi, na Mombasa ni bandari."),
        question("Lini?", "Kenya ilipata uhuru mwaka 1963."),
    ]
    return draw(
        {"baseline": ["Nairobi", "1963"], "full": ["Mombasa", "mwaka"]},
        task="qa",
        items=items,
        labels=(),
        language="sw",
    )


DRAWINGS = {
    ".conllu": lambda: draw_words(ARABIC, language="ar"),
    ".iob2": draw_entities,
    ".jsonl": draw_pairs,
    ".tsv": draw_pairs,
    ".answers.jsonl": draw_answers,
}


def save(page, place, press="Control+s"):
    """Save the file by the keyboard, under the name that the page gives it."""
    with page.expect_download() as waiting:
        page.keyboard.press(press)
    place.mkdir(exist_ok=True)
    path = place / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def truth_of(drawing, draw, choose):
    """The labels of a drawn item, of which `choose` names each."""
    asked = drawing.asked(draw)
    n = len(drawing.differing[drawing.sampling.order[draw]])
    return tuple(choose(draw, unit) if unit in asked else None for unit in range(n))


def press_labels(page, drawing, truths):
    """Label everything from the first question on; the page moves from one to the next."""
    keys = {one.label: ("Shift+" if one.shift else "") + one.key for one in find_keys(drawing.labels)}
    for number, truth in enumerate(truths):
        for unit in drawing.asked(number):
            page.keyboard.press(keys[truth[unit]])


def current(page):
    """What stands at the current question."""
    return page.locator(".unit[aria-current=true]").text_content()


def labels_of(page):
    return page.locator(".unit .label").all_text_contents()


def said(page):
    """What the page says about progress."""
    return page.locator("#progress").text_content()


@pytest.mark.parametrize(("sentences", "language"), [(ARABIC, "ar"), (JAPANESE, "ja")])
def test_words_are_labelled_by_the_keyboard_alone(tmp_path, open_page, sentences, language):
    drawing = draw_words(sentences, language=language)
    file, path = write_page(drawing, tmp_path, suffix=".conllu")
    page = open_page(path)
    assert said(page) == "0 of 3 sentences finished, 0 of 15 labels made"
    truths = tuple(truth_of(drawing, draw, lambda draw, unit: UPOS[5 * draw + unit]) for draw in range(3))
    press_labels(page, drawing, truths)
    assert said(page) == "3 of 3 sentences finished, 15 of 15 labels made"
    assert page.get_by_text("Everything is labelled", exact=True).is_visible()
    assert page.locator("#command").text_content() == f"alignfreeze settle {tmp_path} {file}"
    saved = save(page, tmp_path / "saved")
    assert saved.name == file.name
    found = read_labels(tmp_path, [saved])
    assert (found.truths, found.gap) == (truths, None)


@pytest.mark.parametrize("suffix", DRAWINGS)
@pytest.mark.parametrize("proposals", [False, True])
def test_a_file_without_labels_is_saved_as_it_was(tmp_path, open_page, suffix, proposals):
    file, path = write_page(DRAWINGS[suffix](), tmp_path, suffix=suffix, proposals=proposals)
    assert save(open_page(path), tmp_path / "saved").read_bytes() == file.read_bytes()


def test_words_run_as_they_are_written_and_arrows_follow_them(tmp_path, open_page):
    for sentences, language, forward, backward in (
        (ARABIC[:1], "ar", "ArrowLeft", "ArrowRight"),
        (JAPANESE[:1], "ja", "ArrowRight", "ArrowLeft"),
    ):
        folder = tmp_path / language
        _, path = write_page(draw_words(sentences, language=language), folder, suffix=".conllu")
        page = open_page(path)
        places = [one.bounding_box()["x"] for one in page.locator(".unit").all()]
        assert places == sorted(places, reverse=language == "ar")
        first, second = sentences[0].split()[:2]
        assert current(page) == f"{first}?"
        page.keyboard.press(forward)
        assert current(page) == f"{second}?"
        page.keyboard.press(backward)
        assert current(page) == f"{first}?"
        page.keyboard.press("Tab")
        assert current(page) == f"{second}?"
        assert page.evaluate("document.activeElement.className").startswith("unit")


def test_arrows_reach_other_sentences(tmp_path, open_page):
    _, path = write_page(draw_words(JAPANESE, language="ja"), tmp_path, suffix=".conllu")
    page = open_page(path)
    number = page.locator("#number")
    page.keyboard.press("ArrowDown")
    assert number.text_content() == "Sentence 2 of 3"
    page.keyboard.press("ArrowLeft")
    assert number.text_content() == "Sentence 1 of 3"
    assert page.locator(".unit").last.get_attribute("aria-current") == "true"
    page.keyboard.press("ArrowRight")
    assert number.text_content() == "Sentence 2 of 3"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert page.locator("#said").text_content() == "This is the first sentence."


def test_a_closed_page_goes_on_where_it_was(tmp_path, open_page):
    _, path = write_page(draw_words(JAPANESE, language="ja"), tmp_path, suffix=".conllu")
    page = open_page(path)
    page.keyboard.press("n")
    page.keyboard.press("v")
    before = said(page), current(page), labels_of(page)
    assert before[2][:2] == ["NOUN", "VERB"]
    page.close()
    again = page.context.new_page()
    again.goto(path.as_uri())
    assert (said(again), current(again), labels_of(again)) == before
    again.keyboard.press("-")
    assert labels_of(again)[2] == "cannot tell"


def test_the_same_page_in_two_tabs_keeps_all_labels(tmp_path, open_page):
    _, path = write_page(draw_words(JAPANESE, language="ja"), tmp_path, suffix=".conllu")
    one = open_page(path)
    other = one.context.new_page()
    other.goto(path.as_uri())
    one.keyboard.press("n")
    other.wait_for_function("document.querySelector('.unit .label').textContent === 'NOUN'")
    other.keyboard.press("ArrowRight")
    other.keyboard.press("v")
    one.wait_for_function("document.querySelectorAll('.unit .label')[1].textContent === 'VERB'")
    assert labels_of(one)[:2] == ["NOUN", "VERB"]


def test_pages_of_other_items_do_not_share_labels(tmp_path, open_page):
    drawing = draw_words(JAPANESE, language="ja")
    _, path = write_page(drawing, tmp_path / "one", suffix=".conllu", draws=[0, 1])
    _, other = write_page(drawing, tmp_path / "other", suffix=".conllu", draws=[2])
    page = open_page(path)
    page.keyboard.press("n")
    page.goto(other.as_uri())
    assert said(page).startswith("0 of 1 sentence")
    assert set(labels_of(page)) == {"?"}


def test_a_page_with_fewer_of_the_items_keeps_the_labels_of_the_others(tmp_path, open_page):
    drawing = draw_words(JAPANESE, language="ja")
    _, path = write_page(drawing, tmp_path / "all", suffix=".conllu")
    _, fewer = write_page(drawing, tmp_path / "fewer", suffix=".conllu", draws=[0])
    page = open_page(path)
    press_labels(page, drawing, tuple(truth_of(drawing, draw, lambda draw, unit: "NOUN") for draw in range(3)))
    before = said(page)
    assert before.startswith("3 of 3 sentences finished")
    other = page.context.new_page()
    other.goto(fewer.as_uri())
    assert said(other).startswith("1 of 1 sentence")
    other.keyboard.press("v")
    page.reload()
    assert said(page) == before


def test_what_the_browser_kept_may_be_damaged(tmp_path, open_page):
    drawing = draw_words(JAPANESE, language="ja")
    _, path = write_page(drawing, tmp_path, suffix=".conllu")
    page = open_page(path)
    labels = {f"{drawing.name}-0001": ["<b>", 7, None, [], {}, "?"], f"{drawing.name}-0002": "text"}
    for kept in ("{", "3", '{"labels": 3}', json.dumps({"labels": labels, "place": {"item": "x"}})):
        page.evaluate("text => localStorage.setItem(KEPT_AS, text)", kept)
        page.reload()
        assert said(page).startswith("0 of 3 sentences finished, 0 of ")


def test_a_browser_that_keeps_nothing_says_so(tmp_path, browser):
    _, path = write_page(draw_words(JAPANESE, language="ja"), tmp_path, suffix=".conllu")
    context = browser.new_context(offline=True)
    context.add_init_script(
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"
    )
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.get_by_text("This browser does not keep your labels. Save the file before you close").is_visible()
    page.keyboard.press("n")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.close(run_before_unload=True)
    page.wait_for_event("close")
    assert asked == ["beforeunload"]
    context.close()


def test_undo_goes_back_as_far_as_one_likes(tmp_path, open_page):
    _, path = write_page(draw_words(JAPANESE, language="ja"), tmp_path, suffix=".conllu")
    page = open_page(path)
    for key in ("n", "v", "a", "d", "-", "d"):
        page.keyboard.press(key)
    assert page.locator("#number").text_content() == "Sentence 2 of 3"
    for key in ("Backspace", "Control+z", "Backspace"):
        page.keyboard.press(key)
    assert page.locator("#number").text_content() == "Sentence 1 of 3"
    assert labels_of(page)[:4] == [
        "NOUN",
        "VERB",
        "ADV",
        "?",
    ]  # a label of the second sentence and two of the first are gone
    assert current(page).endswith("?")
    for key in ("Control+y", "Control+Shift+z", "Shift+Backspace"):
        page.keyboard.press(key)
    assert ", 6 of " in said(page)
    assert page.locator("#redo").is_disabled()
    for _ in range(9):
        page.keyboard.press("Backspace")
    assert ", 0 of " in said(page)
    assert page.locator("#said").text_content() == "There is nothing to undo."
    page.keyboard.press("n")
    assert page.locator("#redo").is_disabled()  # a new label ends what could be done again
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Delete")
    assert ", 0 of " in said(page)


def test_a_saved_file_is_loaded(tmp_path, open_page):
    drawing = draw_words(ARABIC, language="ar")
    _, path = write_page(drawing, tmp_path, suffix=".conllu")
    page = open_page(path)
    for key in ("n", "-", "v"):
        page.keyboard.press(key)
    saved = save(page, tmp_path / "saved")
    before = labels_of(page)
    other = open_page(path)  # another browser
    other.set_input_files("#file", saved)
    other.get_by_text("are taken over").wait_for()
    assert labels_of(other) == before
    assert ", 3 of " in said(other)
    assert save(other, tmp_path / "again").read_bytes() == saved.read_bytes()
    other.keyboard.press("Backspace")  # one step
    assert ", 0 of " in said(other)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda text: text.replace("-0002\n", "-0009\n"), "-0009 is not on this page"),
        (lambda text: text[: text.rindex("# sent_id")], "-0003 of this page is not in it"),
        (
            lambda text: text.replace("\tNOUN\t", "\t<b>NUON</b>\t"),
            "has the label <b>NUON</b>, which this",
        ),
        (lambda text: text.replace("2\t", "", 1).replace("\t", " ", 9), "words there, and "),
        (lambda _: "a text of another kind", "it holds no item to label"),
        (lambda _: '{"id": ', "line 1 is not JSON"),
        (lambda text: text.replace("# sent_id", "# id"), "the name of its first sentence is missing"),
    ],
)
def test_a_file_that_does_not_fit_is_not_loaded(tmp_path, open_page, change, wanted):
    _, path = write_page(draw_words(ARABIC, language="ar"), tmp_path, suffix=".conllu")
    page = open_page(path)
    page.keyboard.press("n")
    saved = save(page, tmp_path / "saved")
    page.keyboard.press("v")
    saved.write_text(change(saved.read_text()))
    page.set_input_files("#file", saved)
    page.get_by_text(f"{saved.name} cannot be loaded").wait_for()
    assert wanted in page.locator("#trouble").text_content()
    assert ", 2 of " in said(page)


def test_a_file_that_was_changed_by_hand_is_loaded(tmp_path, open_page):
    file, path = write_page(draw_words(ARABIC, language="ar"), tmp_path, suffix=".conllu")
    page = open_page(path)
    by_hand = tmp_path / "by-hand.txt"
    by_hand.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\t?\t", b"\tDET\t", 2).replace(b"\n", b"\r\n"))
    page.set_input_files("#file", by_hand)
    page.get_by_text("are taken over").wait_for()
    assert labels_of(page)[:3] == ["DET", "DET", "?"]


def test_whoever_cannot_tell_says_so(tmp_path, open_page):
    drawing = draw_words(ARABIC, language="ar")
    _, path = write_page(drawing, tmp_path, suffix=".conllu")
    page = open_page(path)
    for _ in range(sum(len(drawing.asked(number)) for number in range(3))):
        page.keyboard.press("-")
    truths = read_labels(tmp_path, [save(page, tmp_path / "saved")]).truths
    assert len(truths) == 3
    assert not any(label for truth in truths for label in truth)


def test_enter_accepts_a_proposal_or_goes_on(tmp_path, open_page):
    _, path = write_page(draw_words(JAPANESE, language="ja"), tmp_path, suffix=".conllu", proposals=True)
    page = open_page(path)
    assert page.locator("#hint").text_content() == "Proposed: NOUN. Press Enter to accept it."
    page.keyboard.press("Enter")
    page.keyboard.press("v")
    page.keyboard.press("Enter")
    assert labels_of(page)[:3] == ["NOUN", "VERB", "NOUN"]
    _, path = write_page(draw_words(JAPANESE, language="ja"), tmp_path / "other", suffix=".conllu")
    page.evaluate("localStorage.clear()")
    page.goto(path.as_uri())
    assert page.locator("#hint").text_content() == ""
    page.keyboard.press("Enter")
    assert set(labels_of(page)) == {"?"}
    assert page.locator(".unit").nth(1).get_attribute("aria-current") == "true"


def test_a_keyboard_of_another_script_works(tmp_path, open_page):
    _, path = write_page(draw_words(ARABIC, language="ar"), tmp_path, suffix=".conllu")
    page = open_page(path)
    for key, code in (("ر", "KeyV"), ("ى", "KeyN"), ("لا", "KeyB")):
        event = {"key": key, "code": code, "bubbles": True}
        page.evaluate("event => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', event))", event)
    assert labels_of(page)[:3] == ["VERB", "NOUN", "?"]  # no label has the key b


def test_the_mouse_labels_too(tmp_path, open_page):
    _, path = write_page(draw_words(JAPANESE, language="ja"), tmp_path, suffix=".conllu")
    page = open_page(path)
    page.locator(".unit").nth(1).click()
    page.get_by_role("button", name="v VERB verb").click()
    assert labels_of(page)[:3] == ["?", "VERB", "?"]
    page.get_by_role("button", name="cannot tell").click()
    page.get_by_role("button", name="Undo").click()
    assert labels_of(page)[:3] == ["?", "VERB", "?"]
    page.get_by_role("button", name="Next").click()
    assert page.locator("#number").text_content() == "Sentence 2 of 3"
    with page.expect_download():
        page.get_by_role("button", name="Save the file").click()


def test_entities_are_labelled_and_other_words_corrected(tmp_path, open_page):
    drawing = draw_entities()
    _, path = write_page(drawing, tmp_path, suffix=".iob2")
    page = open_page(path)
    texts_of = [drawing.rows[place]["words"][0] for place in drawing.sampling.order]
    if texts_of[0] == "New":
        page.keyboard.press("ArrowDown")
    assert labels_of(page) == ["O", "?", "O", "O"]
    assert current(page) == "Ada?"
    page.keyboard.press("Shift+p")
    warning = page.locator("#warning")
    assert "I-PER continues a name, but none begins before it." in warning.text_content()
    assert said(page) == "0 of 2 sentences finished, 1 of 2 labels made"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("p")  # Queen
    assert labels_of(page) == ["B-PER", "I-PER", "O", "O"]
    assert not warning.is_visible()
    assert current(page) == "AdaI-PER"  # after a correction the next word, not the next question
    assert said(page) == "1 of 2 sentences finished, 1 of 2 labels made, 1 more word corrected"
    page.keyboard.press("Enter")
    assert current(page) == "York?"
    page.keyboard.press("Shift+l")
    truths = read_labels(tmp_path, [save(page, tmp_path / "saved")]).truths
    assert set(truths) == {("B-PER", "I-PER", "O", "O"), ("B-LOC", "I-LOC", "O")}
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("o")  # New
    assert "Please mend the labels that do not fit, in sentence" in page.locator("#left").text_content()
    assert not page.locator("#done").is_visible()


@pytest.mark.parametrize("suffix", [".jsonl", ".tsv"])
def test_texts_are_labelled(tmp_path, open_page, suffix):
    drawing = draw_pairs()
    _, path = write_page(drawing, tmp_path, suffix=suffix)
    page = open_page(path)
    assert page.locator("#texts h3").all_text_contents() == ["First text", "Second text"]
    assert page.locator("#texts p").first.text_content() == drawing.rows[drawing.sampling.order[0]]["text"]
    page.keyboard.press("e")
    page.keyboard.press("c")
    assert read_labels(tmp_path, [save(page, tmp_path / "saved")]).truths == (("entailment",), ("contradiction",))


def test_answers_are_typed_or_selected(tmp_path, open_page):
    drawing = draw_answers()
    _, path = write_page(drawing, tmp_path, suffix=".jsonl", proposals=True)
    page = open_page(path)
    page.keyboard.type("? 1963")
    page.keyboard.press("Enter")
    assert "An answer cannot begin with ?" in page.locator("#trouble").text_content()
    page.locator("#answer").fill("")
    page.keyboard.type('in "1963"')
    page.keyboard.press("Enter")
    assert page.locator("#number").text_content() == "Question 2 of 2"
    page.evaluate(
        """() => {
          const text = document.querySelector("#texts p:last-child").firstChild;
          const at = text.data.search(/[A-Z0-9]\\w+[,.]/);
          getSelection().setBaseAndExtent(text, at, text, at + 4);
        }"""
    )
    page.get_by_role("button", name="Take the selected text").click()
    chosen = page.locator("#answer").input_value()
    assert len(chosen) == 4
    assert chosen in drawing.rows[drawing.sampling.order[1]]["context"]
    saved = save(page, tmp_path / "saved")
    assert read_labels(tmp_path, [saved]).truths == (('in "1963"',), (chosen,))
    page.keyboard.press("ArrowUp")
    assert page.locator("#hint").text_content() == "This answer does not stand in the text in the same words."
    page.keyboard.press("Control+z")  # of the last answer
    assert page.locator("#number").text_content() == "Question 2 of 2"
    assert page.locator("#answer").input_value() == ""
    page.keyboard.press("Enter")
    proposal = json.loads(saved.read_text().splitlines()[1])["proposal"]
    assert read_labels(tmp_path, [save(page, tmp_path / "saved")]).truths[1] == (proposal,)
    page.locator("#answer").fill("_")
    assert read_labels(tmp_path, [save(page, tmp_path / "saved")]).truths[1] == (None,)


def test_an_answer_is_kept_when_the_page_is_closed(tmp_path, open_page):
    _, path = write_page(draw_answers(), tmp_path, suffix=".jsonl")
    page = open_page(path)
    page.keyboard.type("Nairobi")
    page.reload()
    assert page.locator("#answer").input_value() == "Nairobi"
    page.keyboard.press("Control+z")  # nothing was done since then
    assert page.locator("#answer").input_value() == "Nairobi"
    page.locator("#answer").fill("")
    page.keyboard.press("ArrowDown")
    assert said(page) == "0 of 2 questions finished, 0 of 2 answers made"


def test_a_selection_by_mouse_is_the_answer(tmp_path, open_page):
    _, path = write_page(draw_answers(), tmp_path, suffix=".jsonl")
    page = open_page(path)
    box = page.locator("#texts p").last.bounding_box()
    page.mouse.dblclick(box["x"] + 20, box["y"] + box["height"] / 2)
    answer = page.locator("#answer").input_value()
    assert answer in {"Mji", "Kenya"}
    assert page.evaluate("document.activeElement.id") == "answer"
    page.keyboard.press("Enter")
    assert read_labels(tmp_path, [save(page, tmp_path / "saved")]).truths == ((answer,),)


def test_more_labels_than_keys_are_found_by_name(tmp_path, open_page):
    labels = (*(f"TAG{number}" for number in range(60)), "NOUN", "VERB")
    _, path = write_page(draw_words(JAPANESE, language="ja", labels=labels), tmp_path, suffix=".conllu")
    page = open_page(path)
    page.keyboard.press("/")
    page.keyboard.type("tag59")
    assert page.locator("#labels button:visible .name").all_text_contents() == ["TAG59"]
    page.keyboard.press("Enter")
    assert labels_of(page)[:2] == ["TAG59", "?"]
    assert page.locator("#labels button:visible").count() == 63
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    assert current(page).endswith("?")


def test_keys_are_explained(tmp_path, open_page):
    _, path = write_page(draw_words(JAPANESE, language="ja"), tmp_path, suffix=".conllu")
    page = open_page(path)
    for key in ("?", "F1"):
        page.keyboard.press(key)
        assert page.get_by_role("dialog").get_by_text("you cannot tell").is_visible()
        page.keyboard.press("n")  # nothing is labelled behind it
        page.keyboard.press("Escape")
        assert current(page).endswith("?")
    assert ", 0 of " in said(page)


EVIL = "</script><img/src=x/onerror=\"document.title='run'\"><script>document.title='run'</script>'&quot;"


@pytest.mark.parametrize("suffix", [".conllu", ".iob2", ".jsonl", ".answers.jsonl"])
def test_hostile_text_stays_text(tmp_path, open_page, suffix):
    label = f"B-{EVIL}" if suffix == ".iob2" else EVIL
    n = 1 if "json" in suffix else 2
    guesses = {"baseline": [" ".join([label] * n)], "full": [" ".join(["O"] * n)]}
    if suffix in {".conllu", ".iob2"}:
        task, items = "ner" if suffix == ".iob2" else "tagging", [words_of(f"{EVIL} a")]
    elif suffix == ".jsonl":
        task, items = "classification", texts(EVIL)
    else:
        task, items = "qa", [question(EVIL, EVIL)]
    labels = () if task == "qa" else (label, "O")
    drawing = draw(guesses, task=task, items=items, labels=labels)
    _, path = write_page(drawing, tmp_path, suffix=suffix, proposals=True)
    page = open_page(path)
    page.keyboard.press("Enter")  # accepts what is proposed
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert page.locator("img").count() == 0
    assert page.title().startswith("Label 1 ")
    assert EVIL in page.locator("#texts, #units").all_text_contents()[0 if "json" in suffix else 1]
    (truth,) = read_labels(tmp_path, [save(page, tmp_path / "saved")]).truths
    assert truth[0] == label


def test_a_script_that_gets_into_the_page_does_not_run(tmp_path, browser):
    _, path = write_page(draw_words(JAPANESE, language="ja"), tmp_path, suffix=".conllu")
    path.write_text(
        path.read_text().replace("<main>", "<main><script>document.title = 'run'</script><img src=x onerror=1>")
    )
    context = browser.new_context(offline=True)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    assert page.title() == "Label 3 sentences in Japanese"
    assert len([text for text in complaints if "Content Security Policy" in text]) >= 2
    context.close()


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1300, "light"),
        (320, "dark"),
        # The other two are the same widths and colours in other pairs.
        pytest.param(1300, "dark", marks=pytest.mark.slow),
        pytest.param(320, "light", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("suffix", DRAWINGS)
def test_nothing_keeps_anybody_from_the_page(tmp_path, open_page, suffix, width, scheme):
    pytest.importorskip("axe_playwright_python")
    from tests.support.accessibility import violations

    _, path = write_page(DRAWINGS[suffix](), tmp_path, suffix=suffix, proposals=True)
    page = open_page(path, viewport={"width": width, "height": 700}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not violations(page)
    for key in ("Enter", "Shift+P", "Enter", "Enter", "Enter", "Enter", "Enter", "Enter", "Enter", "Enter", "Enter"):
        page.keyboard.press(key)
    assert not violations(page)
    page.keyboard.press("F1")
    assert not violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_light_and_dark(tmp_path, open_page):
    _, path = write_page(draw_entities(), tmp_path, suffix=".iob2")
    page = open_page(path, color_scheme="dark")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(22, 22, 22)"
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_the_page_stands_beside_the_file(tmp_path):
    assert page_beside(tmp_path / "to-label.conllu") == tmp_path / "to-label.html"
    with pytest.raises(OutputError, match="this file is also the output of --out"):
        page_beside(tmp_path / "to-label.html")
    with pytest.raises(OutputError, match="this file is also an input"):
        page_beside(tmp_path / "to-label.conllu", [tmp_path / "to-label.html"])


def test_a_compressed_file_is_saved_plainly(tmp_path, open_page):
    drawing = draw_words(JAPANESE, language="ja")
    _, path = write_page(drawing, tmp_path, suffix=".conllu.gz")
    saved = save(open_page(path), tmp_path / "saved")
    assert saved.name == "to-label.conllu"
    assert not read_labels(tmp_path, [saved]).truths
    assert Path(path).name == "to-label.conllu.html"
