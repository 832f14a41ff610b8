"""Says from the labels so far which model to use, how sure that is, and how many more labels would settle it."""

from __future__ import annotations

import os
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alignfreeze.advice.gains import DRAWS, calibration_of
from alignfreeze.advice.prior import draw_gains_before
from alignfreeze.errors import DataError, counted
from alignfreeze.experiment.names import BASELINE
from alignfreeze.experiment.strategies import Strategy
from alignfreeze.files import to_path, to_paths
from alignfreeze.labelling.counting import collect_evidence
from alignfreeze.labelling.estimates import ERRORS, FEWEST, Estimate, Estimates, Floats
from alignfreeze.labelling.kept import keep
from alignfreeze.labelling.matching import Labelled, read_labels
from alignfreeze.labelling.outcome import ENOUGH, Settlement, Standing
from alignfreeze.running.verdicts import MARGIN, Verdict, decide
from alignfreeze.studies.comparing import to_margin
from alignfreeze.tasks.table import TASKS

COMMON_SPREAD = 1.0
"""Standard deviation of what all scores have in common before anything is labelled: nothing is known of it."""

JOINED_SHARE = 0.4
"""How much the models of joined seeds vary, compared to those of one seed (benchmarks/results/points_pos.json)."""


def settle(
    study: str | os.PathLike[str],
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    margin: float = 100 * MARGIN,
) -> Settlement:
    """Say from the labels so far which model to use, how sure that is, and how many more labels would settle it.

    The answer is kept in the folder of the study, for its report.

    Args:
        study: The folder of the study, or what `run_experiment` returned.
        files: A file that `label` wrote, or several for one language, in whatever state they are.
        margin: A smaller difference is not worth having; in points.

    Raises:
        DataError: A file does not fit the study, or fewer than three of the first items are labelled.
        SettingsError: The margin is no number of points.
    """
    folder = to_path(study, "study")
    settled = settle_labels(read_labels(folder, to_paths(files, "files")), margin=to_margin(margin))
    keep(folder, settled)
    return settled


def settle_labels(labelled: Labelled, *, margin: float = MARGIN) -> Settlement:
    """Say what labels settle.

    Args:
        labelled: The labels.
        margin: A smaller difference is not worth having; a share.

    Raises:
        DataError: Fewer than three of the first items are labelled.
    """
    drawing, truths = labelled.drawing, labelled.truths
    told = sum(any(label is not None for label in truth) for truth in truths)
    if told < min(FEWEST, len(drawing.sampling.order)):
        next_one = f"; the next is {labelled.gap}, where a ? is left" if labelled.gap else ""
        if unknown := len(truths) - told:
            next_one += f"; {counted(unknown, 'item')} have no label but _: label more, which `label --after` writes"
        raise DataError(
            f"at least {FEWEST} items with a label are needed, from the first one on; found {told}{next_one}"
        )
    estimates = Estimates(collect_evidence(drawing, truths))
    names = list(drawing.predictions)
    updated = update(find_prior(drawing.task, names), estimates)
    drawn = np.random.default_rng(0).multivariate_normal(*updated, size=DRAWS, method="eigh")  # [draws, models]
    choice = _Choice(estimates, updated[0], drawn, margin)
    first = names.index(BASELINE) if BASELINE in names else 0
    return Settlement(
        task=drawing.task,
        metric=TASKS[drawing.task].metric,
        language=drawing.language,
        drawing=drawing.name,
        n_items=len(truths),
        n_labels=sum(truth[unit] is not None for draw, truth in enumerate(truths) for unit in drawing.questions(draw)),
        n_drawn=len(drawing.sampling.order),
        n_text=len(drawing.rows),
        margin=margin,
        standings=tuple(_stand(labelled, choice, number, first=first) for number in range(len(names))),
        chosen=names[choice.best],
        is_settled=choice.is_settled(len(truths)),
        more_items=choice.find_more(len(truths), len(drawing.sampling.order)) if len(truths) >= ENOUGH else None,
        gap=labelled.gap,
        waiting=labelled.waiting,
    )


@dataclass(frozen=True, slots=True)
class _Choice:
    """The choice of a model.

    Attributes:
        estimates: The estimated scores.
        expected: The expected gain of each model, [models].
        drawn: Gains that are possible, [draws, models].
        margin: A smaller difference is not worth having; a share.
    """

    estimates: Estimates
    expected: Floats
    drawn: Floats
    margin: float

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self.expected)

    @property
    def best(self) -> int:
        """The number of the chosen model."""
        return int(self.expected.argmax())

    @property
    def errors(self) -> float:
        """How often one interval may miss, so that all of them hold at once (Bonferroni)."""
        return ERRORS / (self.n_models - 1)

    def is_settled(self, n: int) -> bool:
        """Return whether no other model can be better by more than the margin, once n items are labelled."""
        return all(self._is_behind(other, n) for other in range(self.n_models) if other != self.best)

    def _is_behind(self, other: int, n: int) -> bool:
        ahead = float(self.estimates.scores[self.best] - self.estimates.scores[other])
        return ahead - self.estimates.half_width(self.best, other, n, errors=self.errors) >= -self.margin

    def find_more(self, n: int, n_drawn: int) -> int | None:
        """Return how many more items would settle the choice, if estimates stay as they are.

        None if it is settled, or if all items would not settle it.

        Args:
            n: Number of labelled items.
            n_drawn: Number of items that can be drawn.
        """
        if self.is_settled(n) or not self.is_settled(n_drawn):
            return None
        return bisect(range(n_drawn - n), False, key=lambda more: self.is_settled(n + more))


def _stand(labelled: Labelled, choice: _Choice, number: int, *, first: int) -> Standing:
    """Return what labels say about a model; gains are measured over the first one."""
    drawing, study = labelled.drawing, labelled.study
    name = list(drawing.predictions)[number]
    estimates, best, drawn = choice.estimates, choice.best, choice.drawn
    gain = None if number == first else estimates.difference(number, first, errors=choice.errors)
    return Standing(
        strategy=name,
        model=str(study / drawing.models[name]),
        score=estimates.score(number),
        gain=gain,
        verdict=None if gain is None else _judge(gain, choice.margin),
        expected=float(choice.expected[number] - choice.expected[first]),
        chance=float((drawn.max(axis=1) - drawn[:, number] <= choice.margin).mean()),
        behind=None if number == best else estimates.difference(best, number, errors=choice.errors),
    )


def _judge(gain: Estimate, margin: float) -> Verdict:
    if gain.at_any_time is None:
        return "cannot tell"
    low, high = gain.at_any_time
    return decide(gain.value, (high - low) / 2, margin)


def update(prior: tuple[Floats, Floats], estimates: Estimates) -> tuple[Floats, Floats]:
    """Return the mean and the covariance of gains over the baseline, once labels are known.

    Args:
        prior: Their mean and covariance before anything is labelled, [models] and [models, models].
        estimates: What the labels say.
    """
    mean, covariance = prior
    noise = estimates.covariance + COMMON_SPREAD**2
    # A tiny spread keeps the matrix regular where labels leave no doubt.
    share = np.linalg.solve(covariance + noise + 1e-10 * np.eye(len(mean)), covariance).T
    spread = covariance - share @ covariance
    return mean + share @ (estimates.scores - mean), (spread + spread.T) / 2


def find_prior(task: str, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Return the mean and the covariance of gains over the baseline before anything is labelled.

    They are those of advice, known from other encoders, tasks and languages, and the chance of the seed: a candidate is
    one model, which differs from others of its strategy about as much as gains differ between languages.

    Args:
        task: Name of the task.
        names: Names of strategies.
    """
    calibration = calibration_of(TASKS[task], whole=True)
    strategies = [Strategy.parse(name) for name in names]
    drawn = draw_gains_before(strategies, calibration)
    shares = np.array([JOINED_SHARE if one.joined else 1.0 for one in strategies])
    own = np.diag((shares * calibration.between) ** 2)
    return drawn.mean(axis=0), np.cov(drawn, rowvar=False) + own
