"""What an experiment file says: the settings of all stages, composed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from alignfreeze.alignment.aligners import ALIGNERS
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.corpora.choice import ChoiceSettings, check_budget, choose_languages
from alignfreeze.corpora.forms.table import FORMS
from alignfreeze.corpora.selection import SelectionSettings
from alignfreeze.encoding import embedded
from alignfreeze.errors import SettingsError
from alignfreeze.experiment.strategies import PAPER, Strategy
from alignfreeze.languages import check_language
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.settings import Settings, check_known, parse_changes, read_toml, replace_by_name
from alignfreeze.tasks.finetuning import FinetuningSettings
from alignfreeze.tasks.table import TASKS
from alignfreeze.training.settings import ComputeSettings

FEWEST_HELD_OUT = 20
"""Held-out sentence pairs of a language, below which nothing can be told."""

LANGUAGE_PLACEHOLDER = "{language}"
PAIR_PLACEHOLDER = "{pair}"
"""Stands for both codes in the order of the alphabet, as OPUS has them: `de-en`, `en-fr`."""


class RaySettings(Settings):
    """What a run takes of a Ray cluster; none of it changes a result."""

    gpus_per_run: float = Field(default=0.0, ge=0)
    """GPUs, or a share of one; with any, runs are on `cuda` where `device` is `auto`."""
    cpus_per_run: float = Field(default=1.0, gt=0)
    """Processors, which is also how many threads a run computes with."""
    retries: int = Field(default=3, ge=0)
    """How often a run is taken up again whose process was killed; it goes on from its last checkpoint."""


Language = Annotated[str, AfterValidator(check_language)]
KnownTask = Annotated[str, AfterValidator(lambda name: check_known(name, TASKS, "task"))]
KnownForm = Annotated[str, AfterValidator(lambda name: check_known(name, FORMS, "form of bitext"))]


def _check_pattern(pattern: str) -> str:
    if LANGUAGE_PLACEHOLDER not in pattern and PAIR_PLACEHOLDER not in pattern:
        raise ValueError(f"{pattern!r} must contain {LANGUAGE_PLACEHOLDER}, which stands for the code of each language")
    return pattern


Pattern = Annotated[str, AfterValidator(_check_pattern)]
"""The path of a file for each language. A relative path starts at the experiment file; `mini:` is the mini corpus."""


class DataSettings(Settings):
    """Where the task data are."""

    train: str
    """Training items of the source language: a path, or `hub:OWNER/NAME/CONFIGURATION`."""
    test: Pattern
    """Test items: a path, or a data set of the hub, with `{language}` in it."""
    names: dict[Language, str] = Field(default={})
    """What `{language}` stands for in `test` where it is not the language's code, such as `{lv = "lv_lvtb"}`."""
    train_split: str = "train"
    """Of the hub: the split for training."""
    test_split: str = "test"
    """Of the hub: the split for tests."""
    max_train: int | None = Field(default=None, gt=0)
    """Read no more than the first so many training items."""
    max_test: int | None = Field(default=None, gt=0)
    """Read no more than the first so many test items a language."""
    n_train: int | None = Field(default=None, gt=0)
    """How many training items there are, for the plan of an experiment whose data have still to be fetched."""


class BitextSettings(Settings):
    """Where the sentence pairs for realignment are."""

    source: Pattern
    """Source side of two parallel files, or what holds both sides, with `{language}` in it: a file, a pattern
    (`*.tmx`), a folder, the common beginning of two files, or `hub:Helsinki-NLP/opus-100/{pair}`, where `{pair}`
    stands for both codes in the order of the alphabet."""
    target: Pattern | None = None
    """Target side of two parallel files: a path with `{language}`."""
    form: KnownForm | None = None
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
    held_out: int = Field(default=0, ge=0)
    """Sentence pairs of each language that are held out of realignment, drawn with `selection.seed`: for
    `realignment.stopping`, and for `advise` on complete runs, whose models then say what they make of them."""
    choice: ChoiceSettings | None = None
    """Which of the languages are realigned on; left out, all."""

    @field_validator("held_out")
    @classmethod
    def _check_held_out(cls, n: int) -> int:
        if 0 < n < FEWEST_HELD_OUT:
            raise ValueError(f"{n} pairs tell nothing; hold out at least {FEWEST_HELD_OUT}, better 100 or more")
        return n


def _parse_bitext(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


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
    task: KnownTask = "pos"
    """What is learnt in the source language and tested in all."""
    strategies: list[Strategy] = Field(default=[Strategy.parse(name) for name in PAPER], min_length=1)
    """`baseline` and what is frozen: `full`, `front`, `back`, `embeddings`, `attention`, `feed-forward`, a layer `3`,
    a range `3..7`, `random:4`, or several joined by `+`; `average(full,front)` is the mean of the weights of encoders
    that are realigned by themselves, `average(0.25*baseline,0.75*full)` a weighted one. Gains are against the
    baseline."""
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
    bitext: Annotated[BitextSettings | None, BeforeValidator(_parse_bitext)] = None
    """Where the sentence pairs are; needed unless `baseline` is the only strategy. A string stands for its `source`."""
    alignment: LinkSettings = LinkSettings()
    """How words are aligned."""
    realignment: RealignmentSettings = RealignmentSettings()
    """How the encoder is realigned."""
    finetuning: FinetuningSettings = FinetuningSettings()
    """How the task is learnt."""
    compute: ComputeSettings = ComputeSettings()
    """How trainings are computed."""
    ray: RaySettings = RaySettings()
    """What a run takes of a Ray cluster."""

    @model_validator(mode="after")
    def _check_stride(self) -> Self:
        stride, most = self.finetuning.stride, self.finetuning.max_length
        if TASKS[self.task].kind.overlaps and stride >= most:
            raise ValueError(f"finetuning.stride: {stride} is not less than finetuning.max_length, {most}")
        return self

    @model_validator(mode="after")
    def _check_bitext(self) -> Self:
        if self.bitext is None and self.realigns:
            raise ValueError("[bitext] is required: realignment needs sentence pairs")
        return self

    @model_validator(mode="after")
    def _check_averages(self) -> Self:
        averages = [strategy for strategy in self.strategies if strategy.is_average]
        if averages and self.realignment.schedule != "before":
            raise ValueError(
                f"strategies: {averages[0]} is of encoders that are realigned before fine-tuning, and "
                f"realignment.schedule is {self.realignment.schedule!r}"
            )
        return self

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if self.bitext is not None and self.bitext.choice is not None:
            check_budget(self.bitext.choice.n, self.bitext_languages)
        return self

    @model_validator(mode="after")
    def _check_links(self) -> Self:
        if self.alignment.links is None:
            aligner = self.alignment.aligner
            if ALIGNERS[aligner].needs_dictionaries and self.alignment.dictionary is None:
                raise ValueError(f"alignment.dictionary is required: the aligner {aligner!r} goes by word lists")
        elif self.bitext is not None and not self.bitext.selection.keeps_lines:
            raise ValueError("bitext.selection leaves out pairs, so that the files of alignment.links fit no more")
        return self

    @model_validator(mode="after")
    def _check_aligner(self) -> Self:
        aligner = self.alignment.aligner
        without = self.alignment.links is None and not ALIGNERS[aligner].finds_links
        if without and self.realignment.needs_links and self.realigns:
            raise ValueError(
                f"alignment.aligner = {aligner!r} finds no links; it goes with realignment.loss = 'sentence'"
            )
        return self

    @model_validator(mode="after")
    def _check_stopping(self) -> Self:
        stopping = self.realignment.stopping
        if stopping is None or not self.realigns:
            return self
        if self.bitext is not None and not self.bitext.held_out:
            raise ValueError(
                "realignment.stopping goes by sentence pairs that nothing is realigned on: set bitext.held_out, "
                "such as bitext.held_out = 100"
            )
        if stopping.by == "agreement" and TASKS[self.task].kind.pair_labeller is None:
            raise ValueError(
                f"realignment.stopping.by = 'agreement' needs labels that can be carried over links, which the task "
                f"{self.task!r} has not; take by = 'retrieval'"
            )
        return self

    @property
    def realigns(self) -> bool:
        """Whether a strategy realigns an encoder."""
        return not all(strategy.is_baseline for strategy in self.strategies)

    @property
    def tested_languages(self) -> list[str]:
        """The source language first, then the target languages, each once."""
        return list(dict.fromkeys([self.source_language, *self.languages]))

    @property
    def bitext_languages(self) -> list[str]:
        """The target languages of the bitext, of which some may be chosen."""
        languages = (self.bitext and self.bitext.languages) or self.languages
        return [language for language in dict.fromkeys(languages) if language != self.source_language]

    @property
    def realigned_languages(self) -> list[str]:
        """The target languages that are realigned on: those of the bitext, or the ones chosen of them."""
        choice = self.bitext and self.bitext.choice
        if choice is None:
            return self.bitext_languages
        return choose_languages(self.bitext_languages, choice, source=self.source_language)

    @classmethod
    def from_toml(cls, path: Path | str, *, changes: Sequence[tuple[str, str]] = ()) -> ExperimentSettings:
        """Read an experiment file.

        Args:
            path: The file.
            changes: Names with dots and values as TOML has them, or plain text, to be set instead of the file's.

        Raises:
            DataError: The file cannot be read.
            SettingsError: Some settings are wrong; all are named.
        """
        values = read_toml(Path(path))
        if GRID in values:
            raise SettingsError(f"{path}: has a table [{GRID}]; here a file with one value per setting is expected")
        return cls.from_values(replace_by_name(values, parse_changes(changes)), origin=str(path))


GRID = "grid"
"""The table of an experiment file that gives several values for settings."""
