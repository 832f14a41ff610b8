"""What an experiment file says: the settings of all stages, composed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from alignfreeze.alignment import AlignmentSettings, needs_dictionaries
from alignfreeze.corpora.forms import FORMS
from alignfreeze.corpora.selection import SelectionSettings
from alignfreeze.encoding import embedded
from alignfreeze.languages import check_language
from alignfreeze.realignment.freezing import FREEZE_POLICIES
from alignfreeze.realignment.trainer import RealignmentSettings
from alignfreeze.settings import Settings, known, read_toml
from alignfreeze.tasks import TASKS
from alignfreeze.tasks.finetuning import FinetuningSettings
from alignfreeze.training import ComputeSettings

BASELINE = "baseline"
STRATEGIES = [BASELINE, *FREEZE_POLICIES]
"""`baseline` is not realigned; the others are, with what the freeze policy of that name holds fixed."""

LANGUAGE = "{language}"

Language = Annotated[str, AfterValidator(check_language)]
Strategy = Annotated[str, AfterValidator(lambda name: known(name, STRATEGIES, "strategy"))]
TaskName = Annotated[str, AfterValidator(lambda name: known(name, TASKS, "task"))]
FormName = Annotated[str, AfterValidator(lambda name: known(name, FORMS, "form of bitext"))]


def _has_language(pattern: str) -> str:
    if LANGUAGE not in pattern:
        raise ValueError(f"{pattern!r} must contain {LANGUAGE}, which stands for the code of each language")
    return pattern


Pattern = Annotated[str, AfterValidator(_has_language)]
"""The path of a file for each language. A relative path starts at the experiment file; `mini:` is the mini corpus."""


class DataSettings(Settings):
    """Where the task data are."""

    train: str
    """Training sentences of the source language: a path."""
    test: Pattern
    """Test sentences: a path with `{language}` in it."""
    max_train: int | None = Field(default=None, gt=0)
    """Read no more than the first so many training sentences."""
    max_test: int | None = Field(default=None, gt=0)
    """Read no more than the first so many test sentences a language."""


class BitextSettings(Settings):
    """Where the sentence pairs for realignment are."""

    source: Pattern
    """Source side of two parallel files, or what holds both sides, with `{language}` in it: a file, a pattern
    (`*.tmx`), a folder, the common beginning of two files, or `hub:Helsinki-NLP/opus-100/en-{language}`."""
    target: Pattern | None = None
    """Target side of two parallel files: a path with `{language}`."""
    form: FormName | None = None
    """`moses`, `tsv`, `bars`, `tmx`, `po` or `jsonl`; left out, it is told from name and content."""
    columns: tuple[str, str] | None = None
    """Names or numbers of the source and the target column (`tsv`) or field (`jsonl`); may contain `{language}`."""
    languages: list[Language] | None = Field(default=None, min_length=1)
    """Target languages to realign; left out, those that are tested."""
    max_pairs: int | None = Field(default=None, gt=0)
    """Read no more than the first so many sentence pairs a language."""
    pretokenized: bool = False
    """The words are already separated by spaces."""
    selection: SelectionSettings = SelectionSettings()
    """Which pairs are taken."""


class LinkSettings(AlignmentSettings):
    """How words are aligned, and what is needed for it."""

    encoder: str | None = None
    """Of aligners that go by vectors: an encoder of their own; left out, the experiment's."""
    dictionary: Pattern | None = None
    """Of the aligner `dictionary`: bilingual word lists, a path with `{language}`."""
    links: Pattern | None = None
    """Links found before, in Pharaoh notation, instead of an aligner: a path with `{language}`."""


class ExperimentSettings(Settings):
    """One encoder, one task, several strategies, seeds and languages."""

    name: str = "experiment"
    """What the experiment is called in tables."""
    encoder: str = embedded.NAME
    """`embedded:e5-small`, a folder, or a name on the hub."""
    task: TaskName = "pos"
    """What is learnt in the source language and tested in all."""
    strategies: list[Strategy] = Field(default=STRATEGIES, min_length=1)
    """`baseline`, `full`, `front`, `back`; gains are against the baseline."""
    seeds: list[Annotated[int, Field(ge=0, lt=2**32)]] = Field(default=[31, 42, 66, 23, 17], min_length=1)
    """One run a strategy and seed; the default is the paper's five."""
    source_language: Language = "en"
    """The language of the training data, and the source side of the bitext."""
    languages: list[Language] = Field(min_length=1)
    """Target languages: tested without training data of theirs."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `mps`."""
    keep_models: bool = False
    """Keep the fine-tuned model of every run."""
    data: DataSettings
    """Where the task data are."""
    bitext: BitextSettings | None = None
    """Where the sentence pairs are; needed unless `baseline` is the only strategy."""
    alignment: LinkSettings = LinkSettings()
    """How words are aligned."""
    realignment: RealignmentSettings = RealignmentSettings()
    """How the encoder is realigned."""
    finetuning: FinetuningSettings = FinetuningSettings()
    """How the task is learnt."""
    compute: ComputeSettings = ComputeSettings()
    """How trainings are computed."""

    @model_validator(mode="after")
    def _bitext_where_needed(self) -> Self:
        if self.bitext is None and set(self.strategies) != {BASELINE}:
            raise ValueError("[bitext] is required: realignment needs sentence pairs")
        return self

    @model_validator(mode="after")
    def _links_that_fit(self) -> Self:
        if self.alignment.links is None:
            if needs_dictionaries(self.alignment.aligner) and self.alignment.dictionary is None:
                raise ValueError("alignment.dictionary is required: the aligner 'dictionary' goes by word lists")
        elif self.bitext is not None and not self.bitext.selection.keeps_lines:
            raise ValueError("bitext.selection leaves out pairs, so that the files of alignment.links fit no more")
        return self

    @property
    def tested_languages(self) -> list[str]:
        """The source language first, then the target languages, each once."""
        return list(dict.fromkeys([self.source_language, *self.languages]))

    @property
    def realigned_languages(self) -> list[str]:
        """The target languages of the bitext."""
        languages = (self.bitext and self.bitext.languages) or self.languages
        return [language for language in dict.fromkeys(languages) if language != self.source_language]

    @classmethod
    def from_toml(cls, path: Path | str) -> ExperimentSettings:
        """Read an experiment file.

        Raises:
            DataError: The file cannot be read.
            SettingsError: Some settings are wrong; all are named.
        """
        return cls.checked(read_toml(Path(path)), origin=str(path))
