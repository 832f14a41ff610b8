"""Aligns a bitext that is too long for memory: trained on a sample, aligned in chunks by several processes."""

from __future__ import annotations

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alignfreeze.alignment.aligners import ALIGNERS
from alignfreeze.alignment.chunks import KIND, Example, LinkedChunk, Task, align_chunk, get_ready, train
from alignfreeze.alignment.counts import LinkCounts
from alignfreeze.alignment.settings import AlignmentSettings
from alignfreeze.alignment.statistical import MODELS, StatisticalAligner
from alignfreeze.alignment.workers import Worker, count_cores, share, starting
from alignfreeze.cache import cache_folder, is_kept
from alignfreeze.corpora import long
from alignfreeze.corpora.bitext import SentencePair, digest_of
from alignfreeze.corpora.forms.form import Texts
from alignfreeze.corpora.long import LongBitext
from alignfreeze.corpora.selection import EvenSample, spread_evenly
from alignfreeze.corpora.words import describe_splitter, has_spaces
from alignfreeze.errors import DataError, OutputError
from alignfreeze.files import digest_of_file, digest_of_json, new_folder, remove_folder, write_lines
from alignfreeze.locks import hold_lock
from alignfreeze.progress import duration, remark, stage, without_remarks

TRAINING_MEMORY = 2**29
"""The most memory that training takes by default. The trained model takes about as much in each worker."""

WORKERS_MEMORY = 5 * 2**28
"""The most memory that all workers take together. One worker may take more."""

WORKER_MEMORY = 2**26
"""The memory of a worker without a model."""

TRIAL_SHARE = 4
"""The time is estimated by training on one in so many of the training pairs."""

GROWTH = 0.2
"""How the time for each word grows with the training pairs: by their number to this power.

Larger tables miss the processor's cache more often. With 5 times as many pairs, training took 1.45 times as long for
each word, and alignment 1.42 times; the power is 0.23 and 0.22.
"""


def sample_for(settings: AlignmentSettings) -> EvenSample[SentencePair]:
    """Return an empty sample of the sentence pairs that an aligner is to be trained on.

    A number of pairs that the user gave counts alone. The default number is lowered to what fits in memory.
    """
    most = settings.max_training_pairs
    if most is not None and "max_training_pairs" in settings.model_fields_set:
        return EvenSample(most)
    return EvenSample(most or 2**63, most_weight=TRAINING_MEMORY / bytes_per_cell(settings))


def most_words_of(settings: AlignmentSettings) -> int:
    """Return the most words of a sentence that an aligner learns from."""
    return MODELS[settings.aligner].most_words


def bytes_per_cell(settings: AlignmentSettings) -> int:
    """Return the most memory of training in one direction, for each possible link of a sentence pair."""
    return MODELS[settings.aligner].bytes_per_cell


@dataclass(frozen=True, slots=True)
class Summary:
    """What was found in a long bitext.

    Attributes:
        counts: Sums over the links.
        examples: Some sentence pairs with their links.
    """

    counts: LinkCounts
    examples: list[Example]


def align_long(
    bitext: LongBitext,
    settings: AlignmentSettings,
    out: Path,
    *,
    pretokenized: bool = False,
    trained: Path | None = None,
    save: Path | None = None,
    examples: int = 0,
) -> Summary:
    """Find the links of a long bitext, and write them in Pharaoh notation, one line per sentence pair.

    Links that were found before are read from the cache, and new ones are kept, chunk by chunk. So is the trained model
    until all links are written: after an interruption, the same command does only what is left.

    Args:
        bitext: The sentence pairs.
        settings: The aligner, which learns from bitext.
        out: File for the links.
        pretokenized: The words are already separated by spaces.
        trained: Folder of a model trained before.
        save: Folder in which a model trained now is kept.
        examples: How many sentence pairs with links are returned.

    Raises:
        AlignFreezeError: There is nothing to learn from, the bitext has changed, a worker failed, or the file cannot be
            written.
    """
    languages = bitext.reader.languages
    if trained is None and not bitext.sample:
        raise DataError(
            f"{bitext.reader.name}: {settings.aligner} cannot learn from this bitext: each pair that was looked at has "
            f"an empty side, or more than {most_words_of(settings):,} words on one"
        )
    keys = _keys_of(bitext, settings, trained, pretokenized=pretokenized)
    last = bitext.summary.read - (len(keys) - 1) * long.CHUNK
    sizes = [*[long.CHUNK] * (len(keys) - 1), last]
    n_left = sum(size for key, size in zip(keys, sizes, strict=True) if not is_kept(KIND, key))
    n_workers, threads = _plan_workers(_size_of(bitext, settings, trained))
    with ExitStack() as stack:
        model = trained or stack.enter_context(_keeping_model({**keys[0], "texts": None}))
        task = Task(settings, languages, pretokenized, model, math.ceil(examples / len(keys)))
        workers = stack.enter_context(starting(n_workers, threads=threads))
        trains = bool(n_left or save) and not (trained or _is_trained(model, settings, languages))
        if n_left and bitext.sample:
            _estimate(bitext, task, workers, n_left, trains=trains)
        if trains:
            _train(bitext.sample, task)
        linked = share(workers, align_chunk, _calls(task, bitext, keys))
        summary = _write(out, bitext, settings, linked, examples)
        if save is not None:
            with new_folder(save) as unfinished:
                shutil.copytree(model, unfinished, dirs_exist_ok=True)
        return summary


def _is_trained(model: Path, settings: AlignmentSettings, languages: tuple[str, str]) -> bool:
    """Return whether a folder holds an intact model; what else it holds is removed."""
    try:
        StatisticalAligner(settings.aligner).check(model, languages=languages)
    except DataError:
        remove_folder(model)
        return False
    return True


@contextmanager
def _keeping_model(key: Any) -> Iterator[Path]:
    """Yield a folder for a trained model, which is removed if the block ends without an exception.

    Another process that wants the same model waits. If the cache cannot be written, the folder is a temporary one.

    Args:
        key: What the model depends on.
    """
    folder = cache_folder() / "aligners" / digest_of_json(key)[:32]
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_lock(folder.with_suffix(".lock")))
        except OutputError:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "model"
        yield folder
        remove_folder(folder)


def _keys_of(
    bitext: LongBitext, settings: AlignmentSettings, trained: Path | None, *, pretokenized: bool
) -> list[dict[str, Any]]:
    """Return for each chunk everything that its links depend on."""
    kind = ALIGNERS[settings.aligner]
    if trained is None:
        learnt: Any = digest_of(bitext.sample)
    else:
        StatisticalAligner(settings.aligner).check(trained, languages=bitext.reader.languages)
        learnt = {path.name: digest_of_file(path) for path in sorted(trained.iterdir())}
    common = {
        "settings": settings.model_dump(),
        "libraries": {library: version(library) for library in kind.libraries},
        "languages": bitext.reader.languages,
        "learnt": learnt,
        "words": "spaces" if pretokenized else [describe_splitter(code) for code in bitext.reader.languages],
    }
    return [{**common, "texts": digest} for digest in bitext.digests]


def _plan_workers(model: int) -> tuple[int, int]:
    """Return how many workers there are, so that their models fit in memory, and how many threads each of them has.

    Args:
        model: The bytes of a model.
    """
    cores = count_cores()
    workers = min(cores, max(1, WORKERS_MEMORY // (WORKER_MEMORY + model)))
    return workers, max(1, cores // workers)


def _size_of(bitext: LongBitext, settings: AlignmentSettings, trained: Path | None) -> int:
    """Return about how many bytes a trained model takes in memory."""
    if trained is None:
        return _count_cells(bitext.sample) * bytes_per_cell(settings)
    return sum(path.stat().st_size for path in trained.iterdir())


def _estimate(bitext: LongBitext, task: Task, workers: list[Worker], n: int, *, trains: bool) -> None:
    """Say how long training and alignment will take, after a trial with a smaller sample.

    Args:
        bitext: The sentence pairs.
        task: How they are aligned.
        workers: Align them.
        n: How many are to be aligned.
        trains: Whether the model is still to be trained.
    """
    pairs, model = bitext.sample, MODELS[task.settings.aligner]
    training, growth = 0.0, 1.0
    with stage("estimating the time"), tempfile.TemporaryDirectory() as folder:
        if trains:
            trial = spread_evenly(pairs, max(1, len(pairs) // TRIAL_SHARE))
            task = replace(task, model=Path(folder) / "trial")
            more = (_count_cells(pairs) / _count_cells(trial)) ** (1 + GROWTH)
            training = _train(trial, task) * more * model.rounds(len(pairs)) / model.rounds(len(trial))
            growth = (len(pairs) / len(trial)) ** GROWTH * model.decoding(len(pairs)) / model.decoding(len(trial))
        calls = [(task, _to_texts(pairs[: long.CHUNK]), None)] * len(workers)
        list(share(workers, align_chunk, calls))  # loads the model
        took = _time(lambda: list(share(workers, align_chunk, 2 * calls)))
    aligning = n * growth * took / (2 * len(workers) * len(pairs[: long.CHUNK]))
    reading = bitext.seconds  # a second time, by this process, while workers align
    about = duration(training + max(reading, aligning + reading / count_cores()))
    total = bitext.summary.read
    which = "all" if len(pairs) == total else f"{len(pairs):,}"
    why = "" if len(pairs) == total else " (max_training_pairs changes this number)"
    learns = f", with training on {which} of them{why}" if trains else ""
    left = "" if n == total else f" of {total:,}, of which the others were aligned before,"
    remark(f"{task.settings.aligner}: {n:,} sentence pairs{left} take about {about} from here{learns}")


def _to_texts(pairs: Sequence[SentencePair]) -> list[Texts]:
    """Return about the texts that sentence pairs were split from."""
    between = [" " if has_spaces(code) else "" for code in pairs[0].languages]
    return [(between[0].join(pair.source), between[1].join(pair.target)) for pair in pairs]


def _count_cells(pairs: Sequence[SentencePair]) -> int:
    """Return the number of possible links of all pairs; at least 1."""
    return max(1, sum(len(pair.source) * len(pair.target) for pair in pairs))


def _time(do: Callable[[], Any]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _train(pairs: Sequence[SentencePair], task: Task) -> float:
    """Train in a process of its own, whose memory is free afterwards. Return the seconds without those of its start."""
    with (
        stage(f"training {task.settings.aligner} on {len(pairs):,} sentence pairs"),
        starting(1, threads=count_cores()) as (worker,),
    ):
        worker.call(get_ready)
        return _time(lambda: worker.call(train, pairs, task.settings, task.model))


def _calls(task: Task, bitext: LongBitext, keys: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    for texts, key in zip(bitext.chunks(), keys, strict=True):
        yield task, texts, key


def _write(
    out: Path, bitext: LongBitext, settings: AlignmentSettings, chunks: Iterator[LinkedChunk], n_examples: int
) -> Summary:
    """Write the links of chunks as they come, and sum them up."""
    counts, beyond, n = LinkCounts(), 0, 0
    examples: list[Example] = []
    languages = "-".join(bitext.reader.languages)

    def lines() -> Iterator[str]:
        nonlocal counts, beyond, n
        for chunk in chunks:
            examples.extend((n + place, pair, links) for place, pair, links in chunk.examples)
            counts, beyond, n = counts + chunk.counts, beyond + chunk.beyond, n + chunk.counts.pairs
            bar.advance(chunk.counts.pairs)
            yield chunk.lines

    with without_remarks(), stage(f"aligning {languages}", total=bitext.summary.read) as bar:
        write_lines(out, lines())
    if beyond:
        limit = StatisticalAligner(settings.aligner).limit
        remark(f"{languages}: {beyond:,} of {counts.pairs:,} sentence pairs are long: {limit}")
    return Summary(counts, spread_evenly(examples, n_examples))
