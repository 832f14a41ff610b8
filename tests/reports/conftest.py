"""Pages in a real browser, opened from disk with no network."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def opening(browser):
    """Opens files; keeps what pages complain of or fetch."""
    trouble, contexts = [], []

    def opened(path: Path, **options):
        context = browser.new_context(**{"viewport": {"width": 1300, "height": 900}, "offline": True} | options)
        contexts.append(context)
        context.on("console", lambda said: trouble.append(said.text) if said.type in {"error", "warning"} else None)
        context.on("weberror", lambda error: trouble.append(str(error.error)))
        context.on("request", lambda request: None if _is_local(request.url) else trouble.append(request.url))
        page = context.new_page()
        page.goto(path.as_uri())
        return page

    yield opened, trouble
    for context in contexts:
        context.close()


@pytest.fixture
def open_page(opening):
    """Opens a file; what the page complains of, or fetches, fails the test at its end."""
    opened, trouble = opening
    trouble.clear()
    yield opened
    assert not trouble


def _is_local(address):
    return address.startswith(("file:", "data:", "blob:"))
