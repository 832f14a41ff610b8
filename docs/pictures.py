"""Makes the pictures of a study's page that the README and the documentation show.

    python docs/pictures.py STUDY [STUDY...] [--page comparison/3]

STUDY is what `alignfreeze report` takes. Those in `docs/assets` are of the paper's own results for PoS tagging with
XLM-R (posos-tech/multilingual-alignment-and-transfer, scripts/2025_naacl/results). Needs Chromium and the extra `dev`.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from alignfreeze.reports.page import to_html
from alignfreeze.reports.study import study_page

ASSETS = Path(__file__).with_name("assets")

COLOURS = 96
"""So few keep a picture small; text on a plain ground needs no more. Rare colours, such as that of harm, stay."""


def main() -> None:
    """Read the arguments, open the page, take the pictures."""
    parser = argparse.ArgumentParser(description="Make the pictures of a study's page.")
    parser.add_argument("studies", nargs="+", type=Path)
    parser.add_argument("--page", default="study", help="address of the page to show")
    parser.add_argument("--title", help="name of the study")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        path = Path(folder, "page.html")
        path.write_text(to_html(study_page(arguments.studies, title=arguments.title)), encoding="utf-8")
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for theme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme=theme)
            page.goto(f"{path.as_uri()}#{arguments.page}")
            page.wait_for_selector(".page:not([hidden]) .line")
            keep(page.screenshot(), ASSETS / f"report-{theme}.png")
            page.goto(f"{path.as_uri()}#study")
            page.evaluate("document.querySelector('nav').style.position = 'static'")  # or it covers the tree
            tree = page.locator("#study .drawing[data-name=languages] .scroll:visible > svg")
            keep(tree.screenshot(), ASSETS / f"languages-{theme}.png")
        browser.close()


def keep(picture: bytes, path: Path) -> None:
    """Write a picture small."""
    image: Any = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
