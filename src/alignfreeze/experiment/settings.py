"""The settings of an experiment file: those of all stages together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from alignfreeze.alignment.aligners import ALIGNERS
from alignfreeze.corpora.choice import check_budget, choose_languages
from alignfreeze.encoding import embedded
from alignfreeze.errors import SettingsError
from alignfreeze.evaluation.projection import ProjectionSettings
from alignfreeze.evaluation.together import check_joint
from alignfreeze.experiment.names import ENSEMBLE, PAPER_STRATEGIES, PLAIN, SEEDS, TAUGHT, is_average_name
from alignfreeze.experiment.sources import (
    BitextSettings,
    DataSettings,
    Language,
    LinkSettings,
    OwnLabelSettings,
    TranslationSettings,
    explain_pattern,
)
from alignfreeze.experiment.strategies import Strategy, policies_of
from alignfreeze.experiment.taught import TeachingSettings
from alignfreeze.experiment.translations import check_lines
from alignfreeze.realignment.settings import RealignmentSettings
from alignfreeze.settings import Settings, check_known, parse_changes, read_toml, replace_by_name
from alignfreeze.tasks.during import check_during
from alignfreeze.tasks.finetuning import FinetuningSettings
from alignfreeze.tasks.table import TASKS
from alignfreeze.training.settings import ComputeSettings

GRID = "grid"
"""The table of an experiment file that gives several values for settings."""


class RaySettings(Settings):
    """What a run uses of a Ray cluster. These settings change no result."""

    gpus_per_run: float = Field(default=0.0, ge=0)
    """GPUs per run, or a share of one GPU. If this is greater than 0, `device = "auto"` means `cuda`."""
    cpus_per_run: float = Field(default=1.0, gt=0)
    """Processors per run. A run computes with the same number of threads."""
    retries: int = Field(default=3, ge=0)
    """How often a run is started again after its process was killed. The run continues from its last checkpoint."""


KnownTask = Annotated[str, AfterValidator(lambda name: check_known(name, TASKS, "task"))]


def _parse_bitext(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


class ExperimentSettings(Settings):
    """One encoder, one task, several strategies, seeds and languages."""

    name: str = "experiment"
    """The name of the experiment in tables."""
    encoder: str = embedded.NAME
    """`embedded:e5-small`, a folder, or a name on the hub."""
    task: KnownTask = "pos"
    """What the model learns in the source language. The model is tested in all languages."""
    strategies: list[Strategy] = Field(default=[Strategy.parse(name) for name in PAPER_STRATEGIES], min_length=1)
    """`baseline` for no realignment, or what is frozen during realignment: `full` (nothing), `front`, `back`,
    `embeddings`, `attention`, `feed-forward`, a layer `3`, a range `3..7`, `random:4`, or several joined by `+`.
    With `lora` (rank 8) or `lora:16`, as in `front+lora`, adapters are trained in the layers that are not frozen.
    `average(full,front)` is the mean of the weights of encoders that are realigned separately.
    `average(0.25*baseline,0.75*full)` is a weighted mean, and `scaled(full,1.5)` goes further than `full`.
    `revert(full,front)` is `full` with the front half put back to the pretrained encoder, and `swap(full,0..5=back)` is
    `full` with these layers of `back`. `ties(full,front)` merges the largest changes of encoders. `projected` trains a
    second model, on target sides of the bitext too, which get their labels over word links from a first model;
    `self-trained` lets the first model label them itself. `translated` learns given translations of the training data.
    All three may begin with a realigned encoder: `full+projected`. `seeds(full)` is the mean of the weights of
    fine-tuned models of several seeds, and `ensemble(full)` the mean of their probabilities. Gains are measured against
    the baseline."""
    seeds: list[Annotated[int, Field(ge=0, lt=2**32)]] = Field(default=[31, 42, 66, 23, 17], min_length=1)
    """One run per strategy and seed. The default is the paper's five seeds."""
    seeds_per_average: int = Field(default=3, ge=2)
    """How many seeds `seeds(...)` and `ensemble(...)` join. The seeds are cut into groups of this size, in their order;
    a rest that is too small is left out."""
    source_language: Language = "en"
    """The language of the training data, and the source side of the bitext."""
    languages: list[Language] = Field(min_length=1)
    """Target languages, in which the model is tested without training data."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `mps`."""
    keep_models: bool = False
    """Keep the fine-tuned model of every run."""
    data: DataSettings
    """Where the task data are."""
    bitext: Annotated[BitextSettings | None, BeforeValidator(_parse_bitext)] = None
    """Where the sentence pairs are. Every strategy but `baseline` and `translated` needs them. A string stands for its
    `source`."""
    translations: TranslationSettings | None = None
    """Where the translated training data are."""
    alignment: LinkSettings = LinkSettings()
    """How words are aligned."""
    realignment: RealignmentSettings = RealignmentSettings()
    """How the encoder is realigned."""
    finetuning: FinetuningSettings = FinetuningSettings()
    """How the task is learnt."""
    teaching: TeachingSettings = TeachingSettings()
    """How models learn target-language items too (`projected`, `self-trained`, `translated`)."""
    projection: ProjectionSettings = ProjectionSettings()
    """Which labels `projected` carries over word links."""
    self_training: OwnLabelSettings = OwnLabelSettings()
    """Which labels `self-trained` keeps, and of which sentences."""
    compute: ComputeSettings = ComputeSettings()
    """How trainings are computed."""
    ray: RaySettings = RaySettings()
    """What a run uses of a Ray cluster."""

    @model_validator(mode="after")
    def _check_test(self) -> Self:
        if self.data.is_for_all_languages and not TASKS[self.task].names_languages:
            raise ValueError(f"data.test: {explain_pattern(self.data.test)}")
        return self

    @model_validator(mode="after")
    def _check_stride(self) -> Self:
        stride, most = self.finetuning.stride, self.finetuning.max_length
        if TASKS[self.task].kind.overlaps and stride >= most:
            raise ValueError(f"finetuning.stride: {stride} is not less than finetuning.max_length, {most}")
        return self

    @model_validator(mode="after")
    def _check_bitext(self) -> Self:
        if self.bitext is None:
            if self.sees_bitext:
                what = "realignment needs sentence pairs" if self.realigns else "its target sides are labelled"
                raise ValueError(f"[bitext] is required: {what}")
        elif self.bitext.choice is not None:
            check_budget(self.bitext.choice.n, self.bitext_languages)
        return self

    @model_validator(mode="after")
    def _check_merged(self) -> Self:
        merged = [strategy for strategy in self.strategies if strategy.is_merged]
        if merged and self.realignment.schedule != "before":
            how = "averages" if is_average_name(str(merged[0])) else "merges"
            raise ValueError(
                f"strategies: {merged[0]} {how} encoders that are realigned before fine-tuning, but "
                f"realignment.schedule is {self.realignment.schedule!r}"
            )
        return self

    @model_validator(mode="after")
    def _check_taught(self) -> Self:
        if (taught := next((one for one in self.strategies if one.taught), None)) is None:
            return self
        if TASKS[self.task].kind.pair_labeller is None:
            has_labels = TAUGHT[str(taught.taught)].has_labels
            lets = "learns translated sentences" if has_labels else "lets a model label sentences"
            raise ValueError(
                f"strategies: {taught} {lets}, which have no labels in the task {self.task!r}; this works for tasks "
                "that label words or texts"
            )
        realigned = next((one for one in self.strategies if one.taught and one.realigns), None)
        if realigned is not None and self.realignment.schedule != "before":
            raise ValueError(
                f"strategies: {realigned} begins with an encoder that is realigned before fine-tuning, but "
                f"realignment.schedule is {self.realignment.schedule!r}; without realignment, {realigned.taught} works "
                "with each schedule"
            )
        return self

    @model_validator(mode="after")
    def _check_translations(self) -> Self:
        if not self.translates:
            return self
        if self.translations is None:
            first = next(one for one in self.strategies if one.taught and TAUGHT[one.taught].has_labels)
            raise ValueError(
                f"[translations] is required: {first} learns translated training data; name their files with "
                "translations.train or translations.text"
            )
        if self.translations.text is not None:
            check_lines(TASKS[self.task])
        if not self.translated_languages:
            raise ValueError(
                "translations.languages: only the source language is named; name languages with translated data"
            )
        return self

    @model_validator(mode="after")
    def _check_joined(self) -> Self:
        joined = [strategy for strategy in self.strategies if strategy.joined is not None]
        if not joined:
            return self
        if not self.seed_groups:
            n = len(set(self.seeds))
            raise ValueError(
                f"strategies: {joined[0]} joins {self.seeds_per_average} seeds, but seeds names only {n}; name more, "
                "or lower seeds_per_average"
            )
        averages = [strategy for strategy in joined if strategy.joined == SEEDS]
        if averages and self.finetuning.head_seed is None:
            raise ValueError(
                f"strategies: {averages[0]} is the mean of the weights of several seeds, whose heads must begin alike; "
                "set finetuning.head_seed = 1"
            )
        ensembles = [strategy for strategy in joined if strategy.joined == ENSEMBLE]
        if ensembles:
            check_joint(TASKS[self.task])
        return self

    @model_validator(mode="after")
    def _check_adapters(self) -> Self:
        if self.realignment.schedule == "during":
            for policy in policies_of(self.strategies):
                check_during(policy)
        return self

    @model_validator(mode="after")
    def _check_links(self) -> Self:
        name = self.alignment.aligner
        if self.alignment.links is not None:
            if self.bitext is not None and not self.bitext.selection.keeps_lines:
                raise ValueError("bitext.selection leaves out pairs, so the files of alignment.links do not fit")
        elif ALIGNERS[name].needs_dictionaries and self.alignment.dictionary is None:
            raise ValueError(f"alignment.dictionary is required: the aligner {name!r} needs word lists")
        elif (self.carries_labels or (self.realigns and self.needs_links)) and not ALIGNERS[name].finds_links:
            raise ValueError(
                f"alignment.aligner = {name!r} finds no links; it works only with realignment.loss = 'sentence', and "
                "without label projection"
            )
        return self

    @model_validator(mode="after")
    def _check_stopping(self) -> Self:
        stopping = self.realignment.stopping
        if stopping is None or not self.realigns:
            return self
        if self.bitext is not None and not self.bitext.held_out:
            raise ValueError(
                "realignment.stopping needs sentence pairs that are held out of realignment: set bitext.held_out, "
                "such as bitext.held_out = 100"
            )
        if stopping.by == "agreement" and TASKS[self.task].kind.pair_labeller is None:
            raise ValueError(
                "realignment.stopping.by = 'agreement' needs labels that can be carried over links, and the task "
                f"{self.task!r} has none; set realignment.stopping.by = 'retrieval'"
            )
        return self

    @property
    def seed_groups(self) -> list[tuple[int, ...]]:
        """The seeds in groups of `seeds_per_average`, in their order; a rest that is too small is left out."""
        seeds, size = list(dict.fromkeys(self.seeds)), self.seeds_per_average
        return [tuple(seeds[start : start + size]) for start in range(0, len(seeds) - size + 1, size)]

    @property
    def realigns(self) -> bool:
        """Whether a strategy realigns an encoder."""
        return any(strategy.realigns for strategy in self.strategies)

    @property
    def sees_bitext(self) -> bool:
        """Whether a strategy uses bitext: to realign, or for labels in target languages."""
        return any(map(self.uses_bitext, self.strategies))

    def uses_bitext(self, strategy: Strategy) -> bool:
        """Return whether a strategy uses bitext. Self-training on plain text does not."""
        return strategy.realigns or (strategy.sees_bitext and not self.labels_plain_text(strategy.taught))

    def labels_plain_text(self, taught: str | None) -> bool:
        """Return whether a way to learn target-language items labels plain text.

        Args:
            taught: The word with which the name of a strategy ends; None if there is none.
        """
        return taught is not None and TAUGHT[taught].reads == PLAIN and self.self_training.text is not None

    @property
    def reads_plain_text(self) -> bool:
        """Whether a strategy labels plain text."""
        return any(self.labels_plain_text(strategy.taught) for strategy in self.strategies)

    @property
    def translates(self) -> bool:
        """Whether a strategy learns translated training data."""
        return any(strategy.taught is not None and TAUGHT[strategy.taught].has_labels for strategy in self.strategies)

    @property
    def translated_languages(self) -> list[str]:
        """The languages with translated training data."""
        languages = (self.translations and self.translations.languages) or self.languages
        return [language for language in dict.fromkeys(languages) if language != self.source_language]

    @property
    def needs_links(self) -> bool:
        """Whether realignment uses word links, or a strategy carries labels over them."""
        return self.realignment.needs_links or self.carries_labels

    @property
    def carries_labels(self) -> bool:
        """Whether a strategy carries labels over word links."""
        return any(strategy.carries_labels for strategy in self.strategies)

    @property
    def tested_languages(self) -> list[str]:
        """The source language first, then the target languages, each once."""
        return list(dict.fromkeys([self.source_language, *self.languages]))

    @property
    def bitext_languages(self) -> list[str]:
        """The target languages of the bitext, before `bitext.choice`."""
        languages = (self.bitext and self.bitext.languages) or self.languages
        return [language for language in dict.fromkeys(languages) if language != self.source_language]

    @property
    def realigned_languages(self) -> list[str]:
        """The target languages of the realignment: those of the bitext, or those that `bitext.choice` chooses."""
        choice = self.bitext and self.bitext.choice
        if choice is None:
            return self.bitext_languages
        return choose_languages(self.bitext_languages, choice, source=self.source_language)

    @classmethod
    def from_toml(cls, path: Path | str, *, changes: Sequence[tuple[str, str]] = ()) -> ExperimentSettings:
        """Read an experiment file.

        Args:
            path: The file.
            changes: Pairs of a name with dots and a value, in TOML or as plain text. These values replace those of the
                file.

        Raises:
            DataError: The file cannot be read.
            SettingsError: Some settings are wrong; the message names all of them.
        """
        values = read_toml(Path(path))
        if GRID in values:
            raise SettingsError(
                f"{path}: expected a file with one value per setting, but it has a table [{GRID}]; remove this table"
            )
        return cls.from_values(replace_by_name(values, parse_changes(changes)), origin=str(path))
