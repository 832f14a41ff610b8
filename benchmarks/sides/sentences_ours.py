"""The side of alignfreeze that realigns by whole sentences."""

from alignfreeze.corpora.bitext import SentencePair
from alignfreeze.encoding.encoder import load_encoder
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.realignment.trainer import realign
from benchmarks.sides.turns import Turns, TurnsOfSteps


def settings_of(how):
    """Return the settings that make the loss the same as that of the other side."""
    return RealignmentSettings(
        loss="sentence",
        projection=0,
        negatives="weak",
        temperature=1 / how["scale"],
        steps=how["steps"],
        batch_size=how["batch"],
        learning_rate=how["learning_rate"],
        max_length=how["max_length"],
    )


def main():
    turns = Turns()
    encoder = load_encoder(turns.how["model"])
    bitext = [SentencePair(tuple(one), tuple(other), tuple(codes)) for one, other, codes in turns.pairs()]
    turns.answer(ready=True)
    how = {"settings": settings_of(turns.how), "callbacks": [TurnsOfSteps(turns)], "device": "cpu"}
    realign(encoder, bitext, seed=turns.how["seed"], **how)


if __name__ == "__main__":
    main()
