"""Tables of choices by name, to which other people's packages may add.

A package adds its own losses, tasks, aligners or families when it is imported. An entry point of the group
`alignfreeze` names the module that adds them. That module is imported when a table is listed. It is also imported when
somebody asks a table for a name that the table does not have yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from alignfreeze.progress import remark

GROUP = "alignfreeze"
"""The group of entry points that names extensions."""

Choice = TypeVar("Choice")


class Table(Mapping[str, Choice], Generic[Choice]):
    """Choices by name.

    Attributes:
        what: What a choice is, for messages.
        own: Names of the choices that alignfreeze itself provides.
    """

    def __init__(self, what: str, choices: Mapping[str, Choice | str]) -> None:
        """Begin a table.

        Args:
            what: What a choice is.
            choices: The choices by name. A text `module:attribute` stands for a choice that is imported at first use.
        """
        self.what = what
        self.own = tuple(choices)
        self._choices: dict[str, Any] = dict(choices)

    def add(self, name: str, choice: Choice) -> None:
        """Add a choice.

        Raises:
            ValueError: A choice of this name already exists.
        """
        if name in self._choices:
            raise ValueError(f"the {self.what} {name!r} already exists; choose another name")
        self._choices[name] = choice

    def remove(self, name: str) -> None:
        """Remove a choice, such as one that a test has added.

        Raises:
            KeyError: No choice has this name.
        """
        del self._choices[name]

    def __getitem__(self, name: str) -> Choice:
        self._look_further(name)
        found = self._choices[name]
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            found = self._choices[name] = getattr(import_module(module), attribute)
        return found

    def __contains__(self, name: object) -> bool:
        self._look_further(name)
        return name in self._choices

    def _look_further(self, name: object) -> None:
        """Import the packages that extend alignfreeze if a name is missing here; say which packages failed."""
        if name not in self._choices:
            for problem in load_extensions():
                remark(problem)

    def __iter__(self) -> Iterator[str]:
        load_extensions()
        return iter(self._choices)

    def __len__(self) -> int:
        load_extensions()
        return len(self._choices)


@lru_cache(maxsize=1)
def load_extensions() -> tuple[str, ...]:
    """Import the packages that extend alignfreeze; return a remark about each package that cannot be loaded."""
    problems = []
    for extension in entry_points(group=GROUP):
        try:
            extension.load()
        except Exception as error:  # other people's packages may raise anything
            problems.append(
                f"the extension {extension.name!r} ({extension.value}) cannot be loaded and is left out: {error}"
            )
    return tuple(problems)
