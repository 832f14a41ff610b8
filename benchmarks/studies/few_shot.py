"""What does it gain to train the chosen model on the labels that chose it? Simulated: the labels of tests are hidden.

    python benchmarks/studies/few_shot.py FOLDER [--language sw ...]

The folder has runs of `experiments/points-pos.toml` or `points-ner.toml` whose models were kept. In each language,
thirty sentences are drawn from the test file, labelled as `alignfreeze label` asks, and the model that `settle` chooses
is trained on them. The scores are those of all other sentences of the file. What is known of other languages stays in
the results.
"""

import argparse
import sys
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).parents[2]))

from alignfreeze.corpora.annotated import TaggedSentence
from alignfreeze.evaluation.predicting import predict
from alignfreeze.experiment.records import RECORD, RunRecord
from alignfreeze.files import read_json, write_json
from alignfreeze.labelling.asking import draw_items, find_candidates, load_model
from alignfreeze.labelling.few_shot import BATCH, EPOCHS, SHARE_OF_RATE, settings_for
from alignfreeze.labelling.matching import Labelled
from alignfreeze.labelling.settling import settle_labels
from alignfreeze.tasks.finetuning import train_further
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source
from benchmarks import common
from benchmarks.studies.label_predictions import read_truth
from benchmarks.studies.points import TUNING

RESULTS = {"pos": "few_shot", "ner": "few_shot_ner"}
SENTENCES = 30


def read_tests(task, code):
    """Return the sentences of a language with their labels."""
    if task == "pos":
        return read_truth(code)
    return TASKS[task].read_tests(Source(common.SHARED / "uner" / f"{code}-test.iob2", code))


def score(model, sentences, task):
    """Return the score of a model on sentences, in percent."""
    predicted = predict(model, sentences, task=task, device="cpu")
    return 100 * TASKS[task].metrics(predicted, sentences)[0].value


def learn_language(study, code, task):
    """Label thirty sentences of a language, train on them, and return what that gains on the others."""
    truth = list({one.words: one for one in read_tests(task, code)}.values())
    drawing = draw_items(
        study, [list(one.words) for one in truth], code, (), out=Path("to-label"), seed=0, device="cpu"
    )
    labels = []
    for number in range(SENTENCES):
        tags, asked = truth[drawing.sampling.order[number]].tags, set(drawing.asked(number))
        labels.append(tuple(tag if unit in asked else None for unit, tag in enumerate(tags)))
    settled = settle_labels(Labelled(drawing, frozenset(range(SENTENCES)), tuple(labels)))
    folder = study / drawing.models[settled.chosen]
    record = RunRecord.read(folder.parent / RECORD)
    model = load_model(folder, record)
    drawn = drawing.sampling.order[:SENTENCES]
    rest = [one for place, one in enumerate(truth) if place not in set(drawn)]
    before = score(model, rest, task)
    items = [TaggedSentence(truth[place].words, tags) for place, tags in zip(drawn, labels, strict=True)]
    train_further(model, TASKS[task], items, settings=settings_for(record, {}), seed=31, device="cpu")
    return {
        "model": folder.parent.name,
        "labels": settled.n_labels,
        "sentences": len(rest),
        "before": round(before, 2),
        "after": round(score(model, rest, task), 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the study")
    parser.add_argument("--language", action="append", help="by default all of the study")
    chosen = parser.parse_args()
    first = next(iter(find_candidates(chosen.folder).values()))[1]
    task, codes = first.task, first.settings["languages"]
    out = common.RESULTS / f"{RESULTS[task]}.json"
    known = read_json(out)["languages"] if out.exists() else {}
    for code in chosen.language or codes:
        if code in known:
            continue
        known[code] = learn_language(chosen.folder, code, task)
        print(code, known[code], flush=True)
        reported = [one for other, one in known.items() if other not in TUNING]
        gains = [one["after"] - one["before"] for one in reported]
        summary = {
            "sentences": SENTENCES,
            "epochs": EPOCHS,
            "batch_size": BATCH,
            "share_of_rate": SHARE_OF_RATE,
            "reported languages": len(reported),
            "mean gain": round(fmean(gains), 2) if gains else None,
            "worst": round(min(gains), 2) if gains else None,
            "labels": round(fmean(one["labels"] for one in reported), 1) if reported else None,
        }
        write_json(out, {**summary, "languages": dict(sorted(known.items()))})
    print(summary)


if __name__ == "__main__":
    main()
