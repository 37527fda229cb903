"""The costs in docs/deploy.md are those that its script computes from its inputs."""

import runpy
from pathlib import Path

import pytest

from tests.conftest import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def table() -> str:
    script = runpy.run_path(str(DOCS / "scripts" / "costs.py"))
    return str(script["of_file"](Path(DOCS / "scripts" / "costs.yaml")))


def test_the_table_of_the_document_is_the_scripts(table: str) -> None:
    shown = (DOCS / "deploy.md").read_text().partition("<!-- costs -->")[2]

    assert shown.partition("<!-- /costs -->")[0].strip() == table


def test_a_month_is_the_sum_of_its_parts(table: str) -> None:
    rows = [line.strip("|").split("|")[1:] for line in table.splitlines()[3:]]
    columns = [
        [float(cell.replace(",", "")) for cell in column] for column in zip(*rows, strict=True)
    ]

    for *parts, total in columns:
        assert sum(parts) == pytest.approx(total, abs=0.05)
