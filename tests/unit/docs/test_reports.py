"""What others reported names its test, and what the double does its source."""

import re
from dataclasses import fields

import pytest

from infra.simulator.faults.fault_kinds import KINDS as FAULTS
from infra.simulator.faults.switches import Switches
from tests.conftest import ROOT

SIMULATOR = (ROOT / "docs/reference/simulator.md").read_text()
REPORTS = (ROOT / "docs/reference/reports.md").read_text()
KINDS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", REPORTS, re.MULTILINE | re.DOTALL))


def cases(kind: str) -> list[list[str]]:
    lines = [line for line in KINDS[kind].splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_three_cases_and_their_tests_exist(kind: str) -> None:
    assert len(cases(kind)) >= 3
    for report, right, test in cases(kind):
        path, _, name = test.strip("`").partition("::")
        assert report
        assert right
        assert re.search(rf"def {name}\(", (ROOT / "tests" / path).read_text()), test


def sourced(page: str) -> set[str]:
    """Return what the first cells of a page's tables name, where the second says something."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    return {name for first, source in rows if source for name in re.findall(r"`(\w+)`", first)}


def test_each_switch_and_each_fault_says_where_it_was_seen() -> None:
    named = sourced(SIMULATOR)

    assert {each.name for each in fields(Switches)} - named == set()
    assert FAULTS.keys() - named == set()
