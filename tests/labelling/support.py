"""Small drawings for tests."""

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.corpora.labelled import LabelledText
from alignfreeze.labelling.asking import Asked
from alignfreeze.labelling.drawing import Drawing
from alignfreeze.labelling.forms import write_items
from alignfreeze.labelling.matching import place_of
from alignfreeze.reports.labelling_pages import page_beside, write_labelling_page
from alignfreeze.tasks.answering import item_without_answers
from alignfreeze.tasks.table import TASKS

TAGS = ("NOUN", "VERB", "ADJ", "DET")
ENTITIES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")

SENTENCES = ("the dog barks", "a cat", "mice sleep", "the old bird sings", "it rains")


def words_of(text):
    words = tuple(text.split())
    return TaggedSentence(words, (None,) * len(words))


def draw(predictions, *, task="pos", items=None, labels=TAGS, seed=0, language="de"):
    """Draw items; predictions are texts of labels, one per item, by strategy."""
    items = [words_of(text) for text in SENTENCES] if items is None else items
    several = {name: [one.split() for one in labels] for name, labels in predictions.items()}
    if task in {"nli", "classification"}:
        several = {name: [one[0] for one in labels] for name, labels in several.items()}
    models = {name: f"runs/{name}/model" for name in predictions}
    return Drawing.draw(TASKS[task], language, items, several, models=models, labels=labels, seed=seed)


def draw_tags(seed=0):
    """Two models that differ on the first and the fourth sentence: on one word, and on two."""
    return draw(
        {
            "baseline": ["DET NOUN VERB", "DET NOUN", "NOUN VERB", "DET ADJ NOUN VERB", "NOUN VERB"],
            "full": ["DET NOUN NOUN", "DET NOUN", "NOUN VERB", "DET NOUN VERB VERB", "NOUN VERB"],
        },
        seed=seed,
    )


def texts(*several):
    return [LabelledText(text, None, "") for text in several]


def question(text, context):
    return item_without_answers({"question": text, "context": context}, str.split, "here")


def keep(drawing, study):
    """Write a drawing into the folder of a study, as `label` does."""
    place = place_of(study, drawing.name)
    place.parent.mkdir(parents=True, exist_ok=True)
    drawing.write(place)
    return study


def write_page(drawing, folder, *, suffix, proposals=False, draws=None):
    """Write a file to label with the page beside it, as `label --html` does, and return both."""
    file = folder / f"to-label{suffix}"
    draws = tuple(range(len(drawing.sampling.order)) if draws is None else draws)
    keep(drawing, folder)
    write_items(drawing, draws, file, with_proposals=proposals)
    page = page_beside(file)
    write_labelling_page(Asked(folder, drawing, draws, file, with_proposals=proposals), page)
    return file, page
