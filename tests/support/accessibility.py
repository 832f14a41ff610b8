"""What axe finds on pages."""

from axe_playwright_python.sync_playwright import Axe


def violations(page):
    """What axe finds on a page, if it keeps somebody from reading or using it."""
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
    page.wait_for_timeout(100)  # what scrolls gets its place in the order of the keyboard
    found = Axe().run(page).response["violations"]
    return [
        (one["id"], node["html"][:200], node["failureSummary"])
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]
