"""Where the data of an experiment are: settings with the places of files, and placeholders in these places."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.choice import ChoiceSettings
from alignfreeze.corpora.forms.table import FORMS
from alignfreeze.corpora.hub import HUB
from alignfreeze.corpora.selection import SelectionSettings
from alignfreeze.evaluation.projection import SelfTrainingSettings
from alignfreeze.languages import check_language
from alignfreeze.settings import Settings, check_known

FEWEST_HELD_OUT = 20
"""The fewest held-out sentence pairs per language. Fewer pairs are too few for estimates."""

LANGUAGE_PLACEHOLDER = "{language}"
PAIR_PLACEHOLDER = "{pair}"
"""Stands for both codes in alphabetical order, as OPUS writes them: `de-en`, `en-fr`."""


def name_pair(source: str, target: str) -> str:
    """Return what `{pair}` stands for."""
    return "-".join(sorted((source, target)))


Language = Annotated[str, AfterValidator(check_language)]
KnownForm = Annotated[str, AfterValidator(lambda name: check_known(name, FORMS, "form of bitext"))]


def is_for_all_languages(place: str) -> bool:
    """Return whether a place has no placeholder for a language."""
    return LANGUAGE_PLACEHOLDER not in place and PAIR_PLACEHOLDER not in place


def _check_pattern(pattern: str) -> str:
    if is_for_all_languages(pattern):
        raise ValueError(explain_pattern(pattern))
    return pattern


def explain_pattern(pattern: str) -> str:
    """Say what a path for each language must contain."""
    return f"{pattern!r} must contain {LANGUAGE_PLACEHOLDER}, which stands for the code of each language"


Pattern = Annotated[str, AfterValidator(_check_pattern)]
"""The path of a file for each language. A relative path starts at the experiment file; `mini:` is the mini corpus."""


class DataSettings(Settings):
    """Where the task data are."""

    train: str
    """Training items of the source language: a path, or `hub:OWNER/NAME/CONFIGURATION`."""
    test: str
    """Test items: a path with `{language}`, or a data set on the hub with `{language}` in its name. For tasks that
    label texts, it may be one file whose rows name their languages in a field `language`."""
    names: dict[Language, str] = Field(default={})
    """What replaces `{language}` in `test` if it is not the code of the language, such as `{lv = "lv_lvtb"}`."""
    train_split: str = "train"
    """For data sets on the hub: the split for training."""
    test_split: str = "test"
    """For data sets on the hub: the split for tests."""
    max_train: int | None = Field(default=None, gt=0)
    """Read only the first training items, at most this many."""
    max_test: int | None = Field(default=None, gt=0)
    """Read only the first test items of each language, at most this many."""
    n_train: int | None = Field(default=None, gt=0)
    """The number of training items. With it, a plan is possible before the data are fetched from the hub."""

    @property
    def is_for_all_languages(self) -> bool:
        """Whether the test items of all languages are in one place."""
        return is_for_all_languages(self.test)


class BitextSettings(Settings):
    """Where the sentence pairs for realignment are."""

    source: Pattern
    """The source side of two parallel files, or one place for both sides. This text contains `{language}`. A place is a
    file, a pattern (`*.tmx`), a folder, the common beginning of two file names, or `hub:Helsinki-NLP/opus-100/{pair}`.
    `{pair}` stands for both codes in alphabetical order."""
    target: Pattern | None = None
    """The target side of two parallel files: a path with `{language}`."""
    form: KnownForm | None = None
    """`moses`, `tsv`, `bars`, `tmx`, `po` or `jsonl`. By default, the form is recognised from file name and content."""
    columns: tuple[str, str] | None = None
    """Names or numbers of the source and the target column (`tsv`) or field (`jsonl`). They may contain
    `{language}`."""
    languages: list[Language] | None = Field(default=None, min_length=1)
    """Target languages for realignment; by default the tested languages."""
    max_pairs: int | None = Field(default=None, gt=0)
    """Read only the first sentence pairs of each language, at most this many."""
    pretokenized: bool = False
    """The words are already separated by spaces."""
    unescape: bool = False
    """Turn escapes such as `&apos;` into the characters that they stand for."""
    selection: SelectionSettings = SelectionSettings()
    """Which pairs are chosen."""
    held_out: int = Field(default=0, ge=0)
    """Sentence pairs per language that are held out of realignment, drawn with `selection.seed`. These pairs are needed
    by `realignment.stopping`, and by `advise` on complete runs."""
    choice: ChoiceSettings | None = None
    """Which languages are chosen for realignment; by default all."""

    @field_validator("held_out")
    @classmethod
    def _check_held_out(cls, n: int) -> int:
        if 0 < n < FEWEST_HELD_OUT:
            raise ValueError(
                f"{n} pairs are too few to estimate anything; hold out at least {FEWEST_HELD_OUT}, preferably 100 or "
                "more"
            )
        return n


class TranslationSettings(Settings):
    """Where the translated training data are, which `translated` learns."""

    train: Pattern | None = None
    """Files in the form of the training data, with their own labels: a path with `{language}`, or a data set on the hub
    with `{language}` in its name."""
    text: Pattern | None = None
    """Files of plain text, a path with `{language}`. Line i is the translation of training item i, whose labels it
    gets. `alignfreeze mark` writes the lines to translate. For tasks on texts, and for tasks that mark entities."""
    languages: list[Language] | None = Field(default=None, min_length=1)
    """The languages with such files; by default the tested languages."""
    max_items: int | None = Field(default=None, gt=0)
    """The most translated items per language, drawn with the seed of the run; by default all."""

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.train is None) == (self.text is None):
            found = "neither" if self.train is None else "both"
            raise ValueError(f"expected one of train and text, but {found} is set")
        if self.text is not None and self.text.startswith(HUB):
            raise ValueError(
                f"text: expected files of plain text, got {self.text!r}; for data sets on the hub use train"
            )
        return self

    @property
    def place(self) -> str:
        """The place of the files, whatever their form."""
        return self.train or self.text or ""


class OwnLabelSettings(SelfTrainingSettings):
    """Which labels are kept that a model gives to target sentences by itself, and which sentences these are."""

    text: Pattern | None = None
    """Files of plain text that get labels, one sentence per line: a path with `{language}`. By default, the target
    sides of the bitext get them."""


class LinkSettings(AlignmentSettings):
    """How words are aligned, and the files that this needs."""

    encoder: str | None = None
    """The encoder for aligners that compare vectors; by default the encoder of the experiment."""
    dictionary: Pattern | None = None
    """For the aligner `dictionary`: bilingual word lists, a path with `{language}`."""
    links: Pattern | None = None
    """Files of links in Pharaoh notation, which replace an aligner: a path with `{language}`."""
