"""Every number of every table: in the manual, and there or with a reason."""

import csv
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
from workflow_copy import ROOT

PAGE = ROOT / "docs" / "numbers.md"
TABLES = ("exponents", "groups", "geometry", "components", "run_distances", "tails", "walker")
# What says where a row belongs, and is empty where it does not apply.
PLACES = {"window_length", "window_start", "stride", "diverged_at", "versions", "mixed_versions"}
PLACES |= {"run", "undefined", "step", "layer", "method", "quantity", "frame", "component"}
PLACES |= {"run_a", "run_b", "differ", "group"}
# Tables that have the columns of another one as well.
COLUMNS_OF = {"groups": "exponents"}
TEXTS = {"note", "warning"}
# Columns that are there for some kinds of rows only, by what decides it.
PARTIAL = {
    "tails": r"(power|exponential|lognormal)_.*|rejected_share|excess_kurtosis|kurtosis_null|"
    r"effective_dimension|covariance_trace|mean_gradient_norm|beta|scale|location|gaussian_.*|"
    r"log_likelihood_ratio|alpha_(low|high)",
}
COMPANIONS = {"roughness_from": "roughness_measured", "roughness_to": "roughness_measured"}
SUFFIXES = re.compile(r"_(low|high)$")


def rows_of(smoke, table):
    with open(smoke.results / "tables" / f"{table}.csv", newline="") as file:
        return list(csv.DictReader(file))


def settings(smoke):
    """Columns of all tables of runs but for their numbers; and those of the walker."""
    runs = rows_of(smoke, "components")[0]
    places = {name for name in runs if list(runs).index(name) < list(runs).index("window_length")}
    walker = {"terrain", "kind", "basin_depth", "learning_rate", "noise", "seed", "size", "stage"}
    return places | walker | {"steps", "walkers", "H"}


def documented():
    """Names in backticks in the second column, by table; those above hold for the next lines."""
    found, table = {}, None
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split(" | ")]
        if not line.startswith("|") or len(cells) < 5 or set(line) <= set("|- "):
            continue
        table = cells[0].strip("| ") or table
        found.setdefault(table, []).extend(re.findall(r"`([\w*]+)`", cells[1]))
    return found


@pytest.fixture
def rows(request, table):
    """Rows of a table of the smoke study, or of the sketched one, which has groups."""
    return rows_of(request.getfixturevalue("sketched" if table == "groups" else "smoke"), table)


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_in_the_manual(smoke, table, rows):
    found = documented()
    names = found[table] + found.get(COLUMNS_OF.get(table), [])
    known = settings(smoke) | PLACES | TEXTS
    for column in rows[0]:
        base = SUFFIXES.sub("", column)
        parts = (base, re.sub(r"_(null|reordered|p)$", "", base))
        if base not in known:
            assert any(fnmatch(part, name) for part in parts for name in names), column


@pytest.mark.parametrize("table", TABLES)
def test_the_manual_names_columns_that_there_are(table, rows):
    columns = {SUFFIXES.sub("", column) for column in rows[0]}
    for name in documented()[table]:
        assert any(fnmatch(column, name) for column in columns), name


def explained(column, undefined):
    """Whether a cell of reasons names a column, its number, or the part that it is of."""
    column = SUFFIXES.sub("", column)
    names = re.findall(r"(?:^|; )([\w*. ]+?):", undefined)
    wanted = {column, COMPANIONS.get(column, column)}
    return "other columns" in names or any(
        fnmatch(w, name) or name in w for w in wanted for name in names
    )


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_cell_has_its_reason(smoke, table, rows):
    known = settings(smoke) | PLACES | TEXTS
    for row in rows:
        for column, cell in row.items():
            if cell or SUFFIXES.sub("", column) in known:
                continue
            if re.fullmatch(PARTIAL.get(table, "-"), column):
                continue
            assert explained(column, row["undefined"]), (column, row["undefined"])


def test_reasons_are_looked_at_word_by_word():
    assert explained("a_low", "b: no; a: too short: three")
    assert not explained("a_low", "b: a is missing")
    assert explained("walk_noah", "walk_*: one window")
    assert not explained("walk_noah", "")


def test_the_page_is_one_table():
    lines = Path(PAGE).read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    first = lines.index(rows[0])
    assert lines[first : first + len(rows)] == rows
    assert {row.count("|") for row in rows} == {7}
