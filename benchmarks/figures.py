"""Writes the figures of README.md, docs/cost.md and docs/compared.md anew, from the results of the benchmarks.

    python benchmarks/figures.py

A page marks a region with `<!-- figures: NAME -->` and `<!-- end of figures -->`. A sentence gives the range over all
cases, and never more than was measured: factors are rounded down, shares of memory up. Tables round to the nearest.
Rows that were disturbed are marked in tables, and no sentence uses them.
"""

import math
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import common, limits

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "cost.md", ROOT / "docs" / "compared.md")
REGION = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
RESULTS = {
    "realign_speed": "realignment",
    "finetune_speed": "fine-tuning",
    "evaluate_speed": "evaluation",
    "families": "shapes of other encoders",
    "packing_speed": "packing",
    "peers": "other packages",
    "scaling": "many pairs",
    "scale": "long bitext",
}


def times(rows):
    """Return `3.7 to 6.1 times` for the lowest and the highest factor, each rounded down."""
    low, high = (math.floor(10 * bound(row["speedup"] for row in rows) + 1e-9) / 10 for bound in (min, max))
    return f"{low:.1f} times" if low == high else f"{low:.1f} to {high:.1f} times"


def memory_at_most(rows):
    """Return the highest share of memory, rounded up to a percent."""
    return f"{math.ceil(100 * max(row['memory_ratio'] for row in rows) - 1e-9)}%"


def listed(names):
    *before, last = dict.fromkeys(names)
    return f"{', '.join(before)} and {last}" if before else last


def how_fast():
    """Return the sentences of README.md."""
    realignment, families = common.read("realign_speed"), calm(common.read("families")["rows"])
    finetuning, evaluation = common.read("finetune_speed"), common.read("evaluate_speed")
    lines = [
        f"On {realignment['machine']['cores']} CPU cores, realignment is {times(realignment['rows'])} as fast as "
        "a plain implementation of the paper's algorithm.",
        f"It needs at most {memory_at_most(realignment['rows'])} of the memory.",
        f"Fine-tuning is {times([finetuning])} as fast, evaluation {times([evaluation])}"
        + (f", in bf16 {times([{'speedup': half}])}." if (half := evaluation.get("bf16_speedup")) else "."),
        *(f"{sentence} {times(rows)} as fast as {rows[0]['peer']}." for sentence, rows in beside_peers()),
    ]
    if families:
        lines.insert(
            3,
            f"With random weights in the shape of {listed(row['encoder'] for row in families)}, realignment is "
            f"{times(families)} as fast.",
        )
    return "\n".join(lines)


def beside_peers():
    """Yield how a sentence about another package begins, and its rows. Packages that could not run have none."""
    sentences = {"links": "alignfreeze finds word links by vectors", "sentences": "It trains on whole sentences"}
    for task, sentence in sentences.items():
        rows = calm(row for row in common.read("peers")["rows"] if row["task"] == task and row["installed"])
        if rows:
            yield sentence, rows


def table(columns, rows):
    """Return a Markdown table; a column whose name begins with a space holds numbers."""
    lines = [[name.strip() for name in columns], ["---:" if name[:1] == " " else "---" for name in columns], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def factor(row):
    remark = ", disturbed" if common.is_disturbed(row) else ""
    return f"{row['speedup']:.1f}x ({row['speedup_lowest']:.1f} to {row['speedup_highest']:.1f}{remark})"


def calm(rows):
    return [row for row in rows if not common.is_disturbed(row)]


def memory_of(row, other="reference"):
    return [f"{row[name]:.2f} GiB" for name in ("peak_memory_gib", f"{other}_peak_memory_gib")]


COSTS = ["", " alignfreeze", " reference", " faster", " share of the peak", " memory", " memory of the reference"]


def costs(stage, row, unit):
    rates = [f"{row['items_a_second']:.1f} {unit}/s", f"{row['reference_items_a_second']:.1f}"]
    return [stage, *rates, factor(row), f"{row['share_of_peak']:.0%}", *memory_of(row)]


def speed_table():
    """Return what steps with the embedded encoder cost."""
    rows = [costs(f"realignment, {row['case']}", row, "pairs") for row in common.read("realign_speed")["rows"]]
    rows.append(costs("fine-tuning, PoS", common.read("finetune_speed"), "sentences"))
    row = common.read("evaluate_speed")
    rates = [f"{row['sentences_a_second']:.1f} sentences/s", f"{row['reference_sentences_a_second']:.1f}"]
    share = f"{row['share_of_peak']:.0%}" if "share_of_peak" in row else ""
    rows.append(["evaluation, five languages", *rates, f"{row['speedup']:.1f}x", share, "", ""])
    if "bf16_speedup" in row:
        rates[0] = f"{row['bf16_sentences_a_second']:.1f} sentences/s"
        rows.append(["evaluation, in bf16", *rates, f"{row['bf16_speedup']:.1f}x", "", "", ""])
    return table(COSTS, rows)


def families_table():
    """Return what steps cost with the shapes of other encoders."""
    rows = common.read("families")["rows"]
    return table(COSTS, [costs(f"{row['encoder']}, {row['realignment']}", row, "pairs") for row in rows])


def peers_table():
    """Return what other packages cost, or that they cannot be installed."""
    rows = []
    for row in common.read("peers")["rows"]:
        named = [f"{row['task']}, `{row['method']}`", row["peer"]]
        if not row["installed"]:
            rows.append([*named, "cannot be installed here", *[""] * 5])
            continue
        rates = [f"{row['items_a_second']:.1f} pairs/s", f"{row['peer_items_a_second']:.1f}"]
        agreement = f"{row['links_f1']:.3f}" if "links_f1" in row else ""
        rows.append([*named, *rates, factor(row), *memory_of(row, "peer"), agreement])
    columns = ["", "package", " alignfreeze", " package", " faster", " memory", " memory of the package"]
    return table([*columns, " agreement of links (F1)"], rows)


def packing_table():
    """Return what packing gains over padding, and what a step keeps for its gradients."""
    rows = [
        [
            *(row["batches"], row["encoder"], row["realignment"]),
            *(f"{row[name]:.1f}" for name in ("items_a_second", "reference_items_a_second")),
            f"{row['speedup']:.2f}x",
            *(f"{row[name]:.0f} MiB" for name in ("held_mib", "reference_held_mib")),
            f"{row['held_ratio']:.2f}",
        ]
        for row in common.read("packing_speed")["rows"]
    ]
    columns = [
        "batches",
        "encoder",
        "realignment",
        " packed, pairs/s",
        " padded, pairs/s",
        " faster",
        " kept, packed",
        " padded",
        " ratio",
    ]
    return table(columns, rows)


def scaling_table():
    """Return what a pair costs in a small and in a large corpus."""
    rows = common.read("scaling")["rows"]
    return table(
        ["", *(f" {row['pairs']:,} pairs" for row in rows)],
        [
            ["training, ms per pair", *(f"{1000 * row['train']['seconds_a_pair']:.1f}" for row in rows)],
            ["memory, GiB", *(f"{row['train']['peak_memory_gib']:.2f}" for row in rows)],
        ],
    )


def scale_table():
    """Return what long bitext costs."""
    found = common.read("scale")
    links, drawing = found["align"], found["stream"]
    share = f"{links['estimate_by_time']:.2f} of the time"
    rows = [
        [f"links of {links['pairs']:,} pairs", *_clocks(links["seconds"], links["peak_mebibytes"]), share],
        [
            f"a sample of {drawing['lines']:,} lines",
            *_clocks(drawing["seconds_of_drawing"], drawing["peak_mebibytes_of_drawing"]),
            "none",
        ],
    ]
    return table(["", " minutes", " memory of all processes", " estimate"], rows)


def _clocks(seconds, mebibytes):
    return [f"{seconds / 60:.1f}", f"{mebibytes / 2**10:.2f} GiB"]


def when_and_where():
    """Return the date and the machine of each run."""
    rows = []
    for name, what in RESULTS.items():
        facts = common.read(name)
        here = facts["machine"]
        machine = f"{here['processor']}, {here['cores']} cores, torch {here['torch']}"
        rows.append([what, f"`{name}.json`", facts.get("date", "no date kept"), machine])
    return table(["figures", "file", "date", "machine"], rows)


FIGURES = {
    "how-fast": how_fast,
    "speed": speed_table,
    "families": families_table,
    "peers": peers_table,
    "packing": packing_table,
    "scaling": scaling_table,
    "scale": scale_table,
    "limits": lambda: table(["stage", " share of the matrix-product peak", " faster at most"], limits.rows()),
    "when": when_and_where,
}
"""What stands in a region, by its name."""


def fill(text):
    """Return a page with its regions written anew.

    Raises:
        FileNotFoundError: A benchmark has not run yet.
        ValueError: A region has an unknown name.
    """

    def region(match):
        if match[2] not in FIGURES:
            raise ValueError(f"no figures are named {match[2]!r}; known are {', '.join(FIGURES)}")
        return f"{match[1]}{FIGURES[match[2]]()}\n{match[3]}"

    return REGION.sub(region, text)


def main():
    try:
        pages = {page: fill(page.read_text(encoding="utf-8")) for page in PAGES}
    except FileNotFoundError as missing:
        sys.exit(str(missing))
    for page, text in pages.items():
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
