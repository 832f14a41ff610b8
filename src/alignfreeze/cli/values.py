"""Turns the options of commands into values of the library; a wrong option raises `SettingsError`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from alignfreeze.errors import SettingsError

if TYPE_CHECKING:
    from alignfreeze.corpora.chosen import BitextRequest
    from alignfreeze.encoding.requests import LinkRequest
    from alignfreeze.experiment.settings import ExperimentSettings
    from alignfreeze.experiment.single import SingleTraining
    from alignfreeze.settings import Settings
    from alignfreeze.tasks.task import Task
    from alignfreeze.training.settings import ComputeSettings

    S = TypeVar("S", bound=Settings)


def split_option(text: str, option: str, example: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, _, value = text.partition("=")
    if not (name and value):
        raise SettingsError(f"{option} {text!r}: expected {example}")
    return name, value


def settings_of(kind: type[S], options: list[str] | None, option: str, example: str, **given: Any) -> S:
    """Return settings from the options NAME=VALUE, and from the values given for the other settings."""
    values = dict(split_option(text, option, f"NAME=VALUE, such as {example}") for text in options or [])
    return kind.from_values({**given, **values}, origin=option)


def compute_settings(options: list[str] | None, loggers: list[str] | None = None, **given: Any) -> ComputeSettings:
    """Return compute settings from --compute and --log-to, and from the values given for the other settings."""
    from alignfreeze.training.settings import ComputeSettings

    given |= {"log_to": loggers} if loggers else {}
    return settings_of(ComputeSettings, options, "--compute", "precision=bf16", **given)


def read_weights(text: str | None, n: int) -> list[float]:
    """Read one weight per encoder to be averaged; an empty list, for equal weights, without a text."""
    if n < 2:
        raise SettingsError("an average needs at least two encoders; name another encoder")
    try:
        weights = [] if text is None else [float(number) for number in text.split(",")]
    except ValueError:
        weights = None
    if weights is None or len(weights) not in {0, n}:
        raise SettingsError(f"--weights {text!r}: expected {n} numbers, one for each encoder, such as 0.25,0.75")
    return weights


def read_codes(text: str | None) -> list[str]:
    """Read codes of languages with commas between them."""
    return [code.strip() for code in (text or "").split(",") if code.strip()]


def read_language_pair(name: str, option: str) -> tuple[str, str]:
    """Read a language pair, such as `en-de` or `en-zh-Hant`."""
    from alignfreeze.languages import check_language

    parts = name.split("-")
    for end in range(1, len(parts)):
        codes = "-".join(parts[:end]), "-".join(parts[end:])
        try:
            return check_language(codes[0]), check_language(codes[1])
        except SettingsError:
            if len(parts) == 2:
                raise
    raise SettingsError(f"{option} {name!r}: expected two language codes, such as en-de")


def read_files_by_pair(options: list[str] | None, option: str) -> dict[tuple[str, str], Path]:
    """Read options of the form en-de=FILE."""
    files: dict[tuple[str, str], Path] = {}
    for text in options or []:
        name, value = split_option(text, option, "en-de=FILE")
        languages = read_language_pair(name, option)
        if languages in files:
            raise SettingsError(f"{option}: one file per language pair; {name} is named twice")
        files[languages] = Path(value)
    return files


def read_places(option: str) -> tuple[tuple[str, str], list[str]]:
    """Return the languages and the places of a value of --bitext."""
    name, value = split_option(option, "--bitext", "en-de=PLACE or en-de=SOURCE,TARGET")
    places = [value] if Path(value).exists() else value.split(",")  # the name of one file may have a comma in it
    if len(places) > 2:
        raise SettingsError(f"--bitext {option!r}: expected one file or two, found {len(places)}")
    return read_language_pair(name, "--bitext"), places


def read_column_pair(text: str | None) -> tuple[str, str] | None:
    """Read the two columns of --columns."""
    if text is None:
        return None
    parts = tuple(text.split(","))
    if len(parts) != 2 or not all(parts):
        raise SettingsError(f"--columns {text!r}: expected two names or numbers, such as 1,2 or en,de")
    return parts


def bitext_request(
    options: Sequence[str],
    *,
    form: str | None = None,
    columns: str | None = None,
    select: list[str] | None = None,
    seed: int | None = None,
    pretokenized: bool = False,
    unescape: bool = False,
) -> BitextRequest:
    """Return the bitext that options name. The files are found, but not yet read."""
    from alignfreeze.corpora.bitext import BitextReader
    from alignfreeze.corpora.chosen import BitextRequest
    from alignfreeze.corpora.selection import SelectionSettings
    from alignfreeze.progress import gathering_remarks

    given = {} if seed is None else {"seed": seed}
    selection = settings_of(SelectionSettings, select, "--select", "sample=100000", **given)
    wanted = read_column_pair(columns)
    how: dict[str, Any] = {"form": form, "columns": wanted, "pretokenized": pretokenized, "unescape": unescape}
    with gathering_remarks():
        readers = [BitextReader(*places, languages=languages, **how) for languages, places in map(read_places, options)]
    return BitextRequest(readers, selection, pretokenized)


def link_request(
    aligner: str, options: list[str] | None, *, dictionaries: list[str] | None = None, links: list[str] | None = None
) -> LinkRequest:
    """Return how links are to be found."""
    from alignfreeze.alignment.settings import AlignmentSettings
    from alignfreeze.encoding.requests import LinkRequest

    settings = settings_of(AlignmentSettings, options, "--alignment", "symmetrization=union", aligner=aligner)
    files = read_files_by_pair(links, "--links")
    return LinkRequest(settings, read_files_by_pair(dictionaries, "--dictionary"), files)


def single_training(
    out: Path,
    *,
    push_to: str | None,
    seed: int | None,
    device: str | None,
    compute: list[str] | None,
    log_to: list[str] | None,
    adapter: bool,
) -> SingleTraining:
    """Return how one training is computed and where the result is written, from the options of the same names."""
    from alignfreeze.experiment.single import SingleTraining

    given = keep_given({"push_to": push_to, "seed": seed, "device": device})
    return SingleTraining(out=out, compute=compute_settings(compute, log_to), adapter=adapter, **given)


def find_task(name: str) -> Task:
    """Return the task of a name."""
    from alignfreeze.settings import check_known
    from alignfreeze.tasks.table import TASKS

    return TASKS[check_known(name, TASKS, "task")]


def read_experiments(
    paths: Sequence[Path], options: list[str] | None, **changes: Any
) -> list[tuple[Path, ExperimentSettings]]:
    """Read experiment files; each experiment comes with the folder of its file."""
    from alignfreeze.running.grid import read_grid

    settings_changed = read_changes(options)
    return [
        (path.parent, change(settings, **changes))
        for path in paths
        for settings in read_grid(path, changes=settings_changed)
    ]


def check_readable(paths: Sequence[Path]) -> None:
    """Check that experiment files are TOML, before libraries are loaded that take seconds.

    Raises:
        DataError: A file cannot be read.
        SettingsError: A file is not valid TOML.
    """
    from alignfreeze.settings import read_toml

    for path in paths:
        read_toml(path)


def read_changes(options: list[str] | None) -> list[tuple[str, str]]:
    """Read the values of --set that change an experiment."""
    example = "NAME=VALUE, such as realignment.steps=200"
    return [split_option(text, "--set", example) for text in options or []]


def change(
    settings: ExperimentSettings,
    *,
    seed: int | None = None,
    device: str | None = None,
    compute: list[str] | None = None,
    log_to: list[str] | None = None,
) -> ExperimentSettings:
    """Return an experiment in which the options of the command line replace its own settings."""
    changes: dict[str, Any] = {}
    if seed is not None:
        changes["seeds"] = [seed]
    if device is not None:
        changes["device"] = device
    if compute or log_to:
        changes["compute"] = compute_settings(compute, log_to, **settings.compute.model_dump())
    return settings.model_copy(update=changes)


def keep_given(options: dict[str, Any]) -> dict[str, Any]:
    """Keep the options that the user gave."""
    return {name: value for name, value in options.items() if value is not None}
