"""The documentation says what the code says."""

from pathlib import Path

from alignfreeze.experiment import ExperimentSettings
from alignfreeze.settings import reference

BAR = "\\|"
DOCS = Path(__file__).resolve().parents[1] / "docs"


def settings_page():
    rows = [
        f"| `{name}` | `{default}` | {meaning.replace('|', BAR)} |"
        for name, default, meaning in reference(ExperimentSettings)
    ]
    head = "# Settings of an experiment file\n\nMade from the settings classes; a test keeps both together.\n"
    return "\n".join([head, "| setting | default | meaning |", "|---|---|---|", *rows]) + "\n"


def test_the_settings_page_is_up_to_date():
    """When this fails: `python -m tests.test_docs` writes the page anew."""
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == settings_page()


def test_every_setting_is_explained():
    assert all(meaning for _, _, meaning in reference(ExperimentSettings))


if __name__ == "__main__":
    (DOCS / "settings.md").write_text(settings_page(), encoding="utf-8")
