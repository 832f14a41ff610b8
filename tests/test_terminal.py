"""Tables in a terminal of any width: what gives way, and that no number is cut."""

from hypothesis import given, settings
from hypothesis import strategies as st

from alignfreeze.columns import Column, make_sheet
from alignfreeze.sheets import DETAIL, NEEDED, SPARE, Cell, Place, Sheet, list_pairs
from alignfreeze.terminal import to_comments, to_tsv
from tests.support.terminal import check_sheet, show_at

SCORES = ["63.7 ± 1.8 (+12.7) ↑", "82.0 ± 1.4 (-0.3)"]
STRATEGIES = ["baseline", "front", "average(full,front)"]


def scores(n_strategies=3):
    """Two languages, a column for each strategy, one of some interest and one of little."""
    columns = [
        Column("language", lambda row: row[0], is_name=True),
        *(Column(name, lambda row: Cell(row[1], 1), of=name, part="mean (gain)") for name in STRATEGIES[:n_strategies]),
        Column("confidence", lambda _: "50%", need=DETAIL),
        Column("where", lambda _: "host-1:12345", need=SPARE),
    ]
    rows = [("German", SCORES[0]), ("of 34 target languages", SCORES[1])]
    return make_sheet("Scores of languages", columns, rows, "Mean ± standard deviation over 5 seeds.", n_last=1)


def lines_at(width, sheet):
    return [line.rstrip() for line in show_at(width, sheet).splitlines()]


def test_a_wide_terminal_shows_all_columns_side_by_side():
    title, head, rule, first, *_, note = lines_at(200, scores())
    assert title == "Scores of languages"
    assert head.split()[:3] == ["language", "baseline", "front"]
    assert head.endswith("where")
    assert set(rule) == {"─"}
    assert first.split("  ")[0] == "German"
    assert first.endswith("50%  host-1:12345")
    assert note == "Mean ± standard deviation over 5 seeds."


def test_what_is_needed_least_is_left_out_first_and_that_is_said():
    lines = lines_at(100, scores())
    assert lines[1].endswith("confidence")
    assert lines[-1] == "Not shown: where. A wider terminal or --json shows everything."


def test_then_strategies_have_rows_instead_of_columns():
    lines = lines_at(70, scores())
    assert lines[1].split("  ")[0] == "language"
    assert "strategy" in lines[1]
    assert "mean (gain)" in lines[1]
    rows = [line for line in lines if "63.7" in line]
    assert all(name in line.split() for name, line in zip(STRATEGIES, rows, strict=True))
    assert "German" in rows[0]
    assert "German" not in rows[1]


def test_a_name_of_several_words_uses_the_rows_of_its_strategies():
    lines = lines_at(60, scores())
    at = next(number for number, line in enumerate(lines) if line.startswith("of 34 target"))
    assert [line.split()[0] for line in lines[at : at + 3]] == ["of", "languages", "average(full,front)"]


def test_then_details_are_left_out():
    lines = lines_at(60, scores())
    assert "strategy" in lines[1]
    assert lines[-2:] == ["Not shown: confidence, where. A wider terminal or --json", "shows everything."]


def test_at_last_each_cell_has_a_line():
    lines = lines_at(40, scores())
    assert "German" in lines
    at = lines.index("German")
    assert lines[at + 1 : at + 3] == ["  baseline", "    63.7 ± 1.8 (+12.7) ↑"]
    assert "  where                host-1:12345" in lines


def test_a_single_strategy_is_not_stacked():
    assert not any("strategy" in line for line in lines_at(50, scores(1)))


def test_columns_of_several_parts_become_rows_with_all_parts():
    columns = [
        Column("layer", lambda row: row, is_name=True),
        *(
            Column(f"{name} {part}", lambda row, n=n: f"{row}{n}.5", of=name, part=part)
            for n, (name, part) in enumerate([("small", "weak"), ("small", "strong"), ("large-one", "weak")])
        ),
    ]
    lines = lines_at(30, make_sheet("Retrieval", columns, [1, 2], things="encoder"))
    assert lines[1].split() == ["layer", "encoder", "weak", "strong"]
    assert [line.split() for line in lines[3:]] == [
        ["1", "small", "10.5", "11.5"],
        ["large-one", "12.5"],
        ["2", "small", "20.5", "21.5"],
        ["large-one", "22.5"],
    ]


def test_names_and_notes_wrap_and_numbers_do_not():
    sheet = Sheet("T", ("run", "gain"), 1, ((Cell("a long name of a run"), Cell("-1.1 to +1.7")),), "one two three")
    assert lines_at(24, sheet) == [
        "T",
        "run                 gain",
        "────────────────────────",
        "a long      -1.1 to +1.7",
        "name of a",
        "run",
        "one two three",
    ]


def test_words_are_not_squeezed_into_a_tall_column_beside_details():
    columns = [
        Column("strategy", str, is_name=True),
        Column("verdict", lambda _: "cannot tell yet; about 3 more seeds"),
        Column("helps", len, need=DETAIL),
    ]
    assert len(lines_at(30, make_sheet("", columns, ["front"]))) == 2 + 3
    assert "helps" not in lines_at(22, make_sheet("", columns, ["front"]))[0]


def test_a_list_names_what_is_repeated_once_and_wraps_under_itself():
    pairs = [("runs", "4: baseline 1, front 1, baseline 2"), ("file", "a.txt"), ("file", "b.txt")]
    assert lines_at(30, list_pairs(pairs)) == [
        "runs  4: baseline 1, front 1,",
        "      baseline 2",
        "file  a.txt",
        "      b.txt",
    ]


def test_a_long_value_of_a_list_stands_below_its_name():
    assert lines_at(30, list_pairs([("a folder", "/a/very/long/path/of/a/folder")])) == [
        "a folder",
        "/a/very/long/path/of/a/folder",
    ]


def test_lines_for_programs_have_all_columns_and_nothing_else():
    assert list(to_tsv(scores(1))) == [
        "# Scores of languages",
        "language\tbaseline\tconfidence\twhere",
        f"German\t{SCORES[0]}\t50%\thost-1:12345",
        f"of 34 target languages\t{SCORES[1]}\t50%\thost-1:12345",
        "# Mean ± standard deviation over 5 seeds.",
        "",
    ]
    assert list(to_tsv(list_pairs([("links", "3"), ("file", "a\tb\nc")]))) == ["links\t3", "file\ta b c"]
    assert list(to_comments(["one\n\ntwo"])) == ["# one", "", "# two"]


NUMBERS = st.floats(-1e4, 1e4).map("{:+.2f}".format) | st.integers(0, 10**9).map("{:,}".format)
INTERVALS = st.tuples(NUMBERS, NUMBERS).map("{0[0]} to {0[1]}".format)
WORDS = st.lists(
    st.sampled_from(["a", "tr", "Turkish", "languages", "日本語", "front+embeddings", "of", "–"]), max_size=6
)
TEXTS = WORDS.map(" ".join)
COLUMNS = st.tuples(
    TEXTS.filter(bool),
    st.builds(Place, st.sampled_from([SPARE, DETAIL, NEEDED]), st.sampled_from(["", "full", "front"]), TEXTS),
)


@st.composite
def sheets(draw):
    columns = draw(st.lists(COLUMNS, min_size=1, max_size=8))
    n_names = draw(st.integers(1, len(columns)))
    names = [(name, Place() if number < n_names else place) for number, (name, place) in enumerate(columns)]
    cells = [TEXTS if number < n_names else NUMBERS | INTERVALS | TEXTS for number in range(len(columns))]
    rows = draw(st.lists(st.tuples(*cells), max_size=4))
    return Sheet(
        title=draw(TEXTS),
        columns=tuple(name for name, _ in names),
        n_names=n_names,
        rows=tuple(tuple(map(Cell, row)) for row in rows),
        note=draw(TEXTS),
        n_last=draw(st.integers(0, min(1, len(rows)))),
        places=tuple(place for _, place in names),
    )


@settings(deadline=None)  # the machine may be busy
@given(sheets(), st.integers(1, 200))
def test_no_number_of_any_table_is_cut_at_any_width(sheet, width):
    check_sheet(sheet, show_at(width, sheet), width)


@settings(deadline=None)  # the machine may be busy
@given(sheets())
def test_every_row_for_programs_has_all_columns(sheet):
    lines = [line for line in to_tsv(sheet) if not line.startswith("# ")]
    title = 1 if sheet.title else 0
    assert len(list(to_tsv(sheet))) == 1 + len(sheet.rows) + 1 + title + bool(sheet.note)
    assert [line.count("\t") for line in lines[:-1]] == [len(sheet.columns) - 1] * (1 + len(sheet.rows))


@settings(deadline=None)  # the machine may be busy
@given(sheets())
def test_a_wide_terminal_leaves_nothing_out(sheet):
    assert "Not shown" not in show_at(1_000, sheet)
