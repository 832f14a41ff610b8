"""The documentation says what the code says, and its site needs no other host."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
import typing
from contextlib import closing
from html import unescape
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.main import get_command
from typer.models import ArgumentInfo, OptionInfo

import alignfreeze
from alignfreeze.cli import app
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.running.grid import read_grid
from alignfreeze.settings import describe_settings
from alignfreeze.tasks.table import TASKS
from alignfreeze.tasks.task import Source
from tests.support.pages import navigation, opening_of, title_of

BAR = "\\|"
ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
MADE = "Made from the {}; a test keeps both together.\n"
SETTINGS = "This page lists all settings of an experiment file, with their defaults.\n"
COMMANDS = "This page lists all commands and their options.\n"


# --- pages that are made from the code -----------------------------------------------


def settings_page():
    rows = {}
    for name, default, meaning in describe_settings(ExperimentSettings):
        table = name.rpartition(".")[0]
        rows.setdefault(table, []).append(f"| `{name}` | `{default}` | {meaning.replace('|', BAR)} |")
    parts = ["# Settings of an experiment file\n", SETTINGS + MADE.format("settings classes")]
    for table, lines in rows.items():
        head = f"## [{table}]" if table else "## The experiment"
        parts.append("\n".join([head, "", "| setting | default | meaning |", "|---|---|---|", *lines]) + "\n")
    return "\n".join(parts)


OUTPUT = """\
## What commands print

In a terminal, a table fits the width of the window, and no number is ever cut.
A narrow table first leaves out places and digests, then gives each strategy a row, then leaves out details.
A line below the table says what is left out.
If even that is too wide, each number has a line.
The variable `COLUMNS` sets another width.

In a pipe or a file, the form does not depend on any width:

| line | what it is |
|---|---|
| `# ` and a text | a title, a note or a sentence |
| texts with tabs between them | the headings of a table, and then one line per row, with all columns |
| an empty line | the end of a table |
| a name, a tab and a value | a fact, such as `aer` and its `0.271`; facts have no headings |

The texts are those of the terminal; a program that needs every digit reads `--json`.
Progress, remarks and errors go to standard error.

```text
alignfreeze compare my-study | grep -v '^#' | cut -f1,4
```
"""


def commands_page():
    parts = [
        "# Commands\n",
        COMMANDS + MADE.format("command line"),
        "Every command has `--help`.\n"
        "Wrong input gives one message and exit code 2.\n"
        "`run` ends with exit code 1 when runs have failed.\n",
        OUTPUT,
    ]
    for command in app.registered_commands:
        callback = command.callback
        name = command.name or callback.__name__
        rows, usage = [], [f"alignfreeze {name}"]
        for parameter, info, kind, default in parameters(callback):
            said = shown(parameter, info, kind)
            required = default is inspect.Parameter.empty
            if required:
                usage.append(said)
            value = "required" if required else "off" if default is False else f"`{default}`"
            if default is None:
                value = f"`{info.show_default}`" if isinstance(info.show_default, str) else "left out"
            rows.append(f"| `{said}` | {value} | {info.help.replace('|', BAR)} |")
        parts += [
            f"## {name}\n",
            inspect.cleandoc(callback.__doc__) + "\n",
            f"```text\n{' '.join(usage)} [OPTIONS]\n```\n",
            "\n".join(["| argument, option | default | meaning |", "|---|---|---|", *rows]) + "\n",
        ]
    return "\n".join(parts)


def parameters(callback):
    """Yield the parameters of a command, with what Typer is told of each, its type and its default."""
    hints = typing.get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        kind, info = typing.get_args(hints[name])[:2]
        yield name, info, kind, parameter.default


def shown(name, info, kind):
    """Return an argument or an option as it is written on the command line."""
    kinds = {kind, *typing.get_args(kind)}
    if isinstance(info, ArgumentInfo):
        return name.upper() + ("..." if typing.get_origin(kind) is list else "")
    assert isinstance(info, OptionInfo)
    named = [text for text in (info.default, *(info.param_decls or ())) if isinstance(text, str)]
    option = ", ".join(named or [f"--{name.replace('_', '-')}"])
    if bool in kinds:
        return option
    inner = {part for item in kinds for part in (item, *typing.get_args(item))}
    value = "PATH" if Path in inner else "NUMBER" if inner & {int, float} else "TEXT"
    return f"{option} {value}"


def llms_page():
    """The pages of the site for programs that read (https://llmstxt.org)."""
    pages = navigation(ROOT / "mkdocs.yml")
    parts = ["# alignfreeze\n", f"> {opening_of(DOCS / 'index.md')}\n"]
    for group, entries in groupby(pages, key=lambda entry: entry.group or "Home"):
        lines = []
        for entry in entries:
            page = DOCS / entry.path
            decision = re.match(r"\d+\. (.*)", title_of(page)) if page.parent.name == "decisions" else None
            said = f"{decision[1]}." if decision else opening_of(page)
            lines.append(f"- [{entry.name or 'Decisions'}]({entry.path.removesuffix('.md')}.html): {said}")
        parts.append("\n".join([f"## {group}\n", *lines]) + "\n")
    return "\n".join(parts)


MADE_PAGES = {"settings.md": settings_page, "commands.md": commands_page, "llms.txt": llms_page}


@pytest.mark.parametrize("name", MADE_PAGES)
def test_pages_made_from_the_code_are_up_to_date(name):
    """When this fails: `python -m tests.test_docs` writes the pages anew."""
    assert (DOCS / name).read_text(encoding="utf-8") == MADE_PAGES[name]()


def test_every_setting_is_explained():
    assert all(meaning for _, _, meaning in describe_settings(ExperimentSettings))


def test_every_option_is_explained():
    for command in app.registered_commands:
        assert command.callback.__doc__
        assert all(info.help for _, info, _, _ in parameters(command.callback)), command.callback.__name__


def test_the_reference_of_python_has_every_public_name():
    shown = set(re.findall(r"^::: alignfreeze\.(\w+)$", (DOCS / "api.md").read_text(), re.MULTILINE))
    assert shown == {*alignfreeze.__all__} - {"__version__"}


# --- samples -------------------------------------------------------------------------


def samples(language):
    """Yield every sample of a language in the README and the documentation, with its page."""
    for page in PAGES:
        for number, block in enumerate(
            re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        ):
            yield pytest.param(block, id=f"{page.relative_to(ROOT)}-{number}")


WHOLE = {"languages": ["de"], "data": {"train": "en", "test": "{language}"}, "bitext": "{language}"}
"""What a part of an experiment file is put into, to be checked."""


@pytest.mark.parametrize("block", samples("toml"))
def test_experiment_files_in_the_documentation_are_valid(block, tmp_path):
    values = tomllib.loads(block)
    if not {"languages", "data"} <= set(values):
        head = "".join(f"{name} = {value!r}\n" for name, value in WHOLE.items() if name not in values | {"data": 0})
        block = head + block + ("" if "data" in values else "[data]\ntrain = 'en'\ntest = '{language}'\n")
    (tmp_path / "sample.toml").write_text(block)
    assert read_grid(tmp_path / "sample.toml")


LAUNCHERS = {"torchrun", "uvx", "pipx", "docker"}
"""Programs that start another one."""


@pytest.mark.parametrize("block", samples("sh"))
def test_commands_in_the_documentation_exist(block):
    commands = get_command(app).commands
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if "alignfreeze" in words:
            at = words.index("alignfreeze")
            if words[:2] == ["docker", "build"]:
                continue
            assert words[:at] in ([], ["python", "-m"]) or words[0] in LAUNCHERS or words[at - 1] == "|", line
            name, *rest = words[at + 1 :]
            if name == "--version":
                continue
            commands[name].make_context(name, rest)  # reads the arguments, and runs nothing
        elif words[:1] == ["make"]:
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line


def test_extras_in_the_documentation_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for page in PAGES:
        for names in re.findall(r"(?:alignfreeze|\.)\[([\w,]+)\]", page.read_text(encoding="utf-8")):
            assert set(names.split(",")) <= set(extras), page


@pytest.mark.parametrize("block", samples("python"))
def test_python_in_the_documentation_names_what_exists(block):
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)
        elif isinstance(node, ast.Import):
            assert all(importlib.import_module(alias.name) for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "af":
            assert node.attr in alignfreeze.__all__, ast.unparse(node)


def test_messages_in_the_pages_of_messages_are_those_of_the_code():
    known = {clause for path in (ROOT / "src").rglob("*.py") for clause in clauses(path)}
    pages = [(DOCS / name).read_text(encoding="utf-8") for name in ("messages.md", "failures.md")]
    titles = [title for text in pages for title in re.findall(r"^### `(.*)`$", text, re.MULTILINE)]
    assert len(titles) > 35
    assert [title for title in titles if not any(clause in title for clause in known)] == []


def clauses(path):
    """Yield the longer parts of the texts in a module, cut at punctuation and at values."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (part for text in re.split(r"[;:,.()\n`]", node.value) if len(part := text.strip()) >= 12)


PACKAGE = ROOT / "src" / "alignfreeze"


def test_names_in_the_page_on_architecture_exist():
    rooms = "|".join(path.stem for path in PACKAGE.iterdir() if not path.name.startswith("_"))
    names = re.findall(rf"`((?:{rooms})\.(?!json`)[\w.]+)`", (DOCS / "architecture.md").read_text(encoding="utf-8"))
    assert len(names) > 50
    for name in names:
        assert pkgutil.resolve_name(f"alignfreeze.{name}"), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_of_code_that_a_page_names_exist(page):
    for path in re.findall(r"`([\w/]+\.py)`", page.read_text(encoding="utf-8")):
        assert any((folder / path).exists() for folder in (ROOT, PACKAGE)), path


def test_the_picture_shows_all_rooms():
    """When this fails: `python docs/rooms.py` draws the picture anew."""
    drawn = runpy.run_path(str(DOCS / "rooms.py"))
    assert {room.name for room in drawn["ROOMS"]} == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert drawn["draw"]() == (DOCS / "assets" / "rooms.svg").read_text(encoding="utf-8")


TASK_PAGES = sorted((DOCS / "tasks").glob("*.md"))


@pytest.mark.parametrize("page", TASK_PAGES, ids=lambda page: page.stem)
def test_samples_of_files_can_be_read(page, tmp_path):
    sample = re.search(r"```text\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert sample is not None
    (tmp_path / "sample").write_text(sample[1], encoding="utf-8")
    assert TASKS[page.stem].read(Source(str(tmp_path / "sample")))


# --- links and the site --------------------------------------------------------------


class Resources(HTMLParser):
    """Collects what a page loads: scripts, styles, pictures, frames, and what its style sheets name."""

    LOADING: typing.ClassVar = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "link" and values.get("rel") in ("canonical", "prev", "next"):
            return
        if address := values.get(self.LOADING.get(tag, "")):
            self.found.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` builds it, from a copy of its sources."""
    pytest.importorskip("zensical", reason="the extra `docs` is not installed")
    pytest.importorskip("mkdocstrings", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("docs")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    shutil.copytree(DOCS, folder / "docs")
    (folder / "src").symlink_to(ROOT / "src", target_is_directory=True)
    (zensical, report) = recipe_of("docs")
    done = in_folder(folder, sys.executable, "-m", *zensical)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search("warning|error", done.stdout + done.stderr, re.IGNORECASE)
    done = in_folder(folder, sys.executable, "-m", *report)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def recipe_of(target):
    """The commands of a target in the Makefile."""
    lines = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    return [shlex.split(line.replace("$(BIN)/", "")) for line in lines.splitlines()]


def in_folder(folder, *command):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_broken_link_ends_the_build(site, tmp_path):
    """What the strict build is trusted with: pages and anchors."""
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    config = (tmp_path / "mkdocs.yml").read_text()
    (tmp_path / "mkdocs.yml").write_text(config[: config.index("nav:")])
    (tmp_path / "docs").mkdir()
    (tmp_path / "src").mkdir()
    for target, trouble in (("gone.md", "page does not exist"), ("#gone", "anchor does not exist")):
        (tmp_path / "docs" / "index.md").write_text(f"# Home\n\nA [link]({target}).\n")
        done = in_folder(tmp_path, sys.executable, "-m", *recipe_of("docs")[0])
        assert done.returncode != 0
        assert trouble in done.stdout + done.stderr


def test_the_command_of_the_example_is_the_one_of_the_page():
    said = next(line for line in recipe_of("docs") if line[0] == "alignfreeze")
    assert [word.removeprefix("site/") for word in said] in [
        shlex.split(line) for line in (DOCS / "report.md").read_text().splitlines() if line.startswith("alignfreeze")
    ]


def test_the_site_loads_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(list(DOCS.rglob("*.md")))
    for page in pages:
        reader = Resources()
        reader.feed(page.read_text(encoding="utf-8"))
        assert reader.found
        for address in reader.found:
            assert not re.match(r"(https?:)?//", address), f"{page.name} loads {address}"
            if address.startswith("data:"):
                continue
            assert (page.parent / address.split("?")[0]).exists() or page.name == "404.html", address
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet.name


def test_every_page_is_in_the_site_and_can_be_searched(site):
    found = json.loads((site / "search.json").read_text(encoding="utf-8"))
    places = {item["location"].partition("#")[0] for item in found["items"]}
    for page in DOCS.rglob("*.md"):
        built = page.relative_to(DOCS).with_suffix(".html")
        assert (site / built).exists()
        assert str(built) in places
    assert (site / "search.js").exists()
    assert (site / "llms.txt").exists()
    assert (site / "example.html").exists()


def test_the_reference_of_python_is_in_the_site(site):
    text = (site / "api.html").read_text(encoding="utf-8")
    names = re.findall(r"^::: ([\w.]+)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    assert len(names) > 60
    for name in names:
        assert f'id="{name}"' in text, name


def test_links_in_the_site_lead_somewhere(site):
    """The strict build does not look for pictures and files; this does, and once more for anchors."""
    anchors = {
        page: set(re.findall(r'\sid="([^"]+)"', page.read_text(encoding="utf-8"))) for page in site.rglob("*.html")
    }
    for page in anchors:
        if page.name in ("404.html", "example.html"):
            continue
        for tag, target in re.findall(r'<(a|img)\s[^>]*?(?:href|src)="([^"]+)"', page.read_text(encoding="utf-8")):
            if re.match(r"https?:|mailto:|data:", target):
                continue
            path, _, anchor = unescape(target).partition("#")
            found = (page.parent / path).resolve() if path else page
            assert found.exists(), f"{page.name}: {tag} {target}"
            if anchor and found.suffix == ".html":
                assert unquote(anchor) in anchors[found], f"{page.name}: {target}"


def test_the_site_opens_from_disk_and_can_be_searched_there(site, browser):
    troubles = []
    with closing(browser.new_context(offline=True)) as context:
        page = context.new_page()
        page.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda asked: troubles.append(asked.url) if asked.url.startswith("http") else None)
        page.goto((site / "index.html").as_uri())
        page.locator(".md-search__button").first.click()
        field = page.get_by_placeholder("Search")
        field.press_sequentially("training has diverged", delay=20)
        page.locator("a", has_text="the training has diverged").first.wait_for(timeout=60_000)
        assert field.input_value() == "training has diverged"
    assert troubles == []


if __name__ == "__main__":
    for name, made in MADE_PAGES.items():
        (DOCS / name).write_text(made(), encoding="utf-8")
