"""The counts that keep the tree easy to read, and the paths that CONTRIBUTING names."""

import ast
import graphlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
import yaml

from functions import main
from tests.conftest import ROOT

PACKAGES = ("common", "functions", "infra")
MOST_FILES, MOST_LINES = 20, 300
SKIPPED = {"__pycache__", "migrations"}
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
# Where each question of CONTRIBUTING's table ends: in a file that holds this.
ANSWERS = {
    "where an order is sent": "self.trading.submit(order)",
    "a guardrail": "GUARDRAILS",
    "the SQL of a KPI": "CREATE FUNCTION utils_statistics.kpi_",
    "where the simulator decides a fill": "class Matching",
}


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def test_the_root_of_infra_holds_two_modules() -> None:
    found = {path.name for path in (ROOT / "infra").glob("*.py")} - {"__init__.py"}

    assert found == {"__main__.py", "clients.py"}


def test_no_folder_of_code_or_documents_holds_too_many_files() -> None:
    # Migrations grow by one file a subject, and are read by their numbers. A deployment keeps its
    # answers and its lock file beside Terraform's code.
    patterns = {**dict.fromkeys((*PACKAGES, "docs"), "*"), "terraform": "*.tf"}
    counts = Counter(
        path.parent.relative_to(ROOT).as_posix()
        for folder, pattern in patterns.items()
        for path in (ROOT / folder).rglob(pattern)
        if path.is_file() and not SKIPPED & {*path.parts}
    )

    assert {folder: n for folder, n in counts.items() if n > MOST_FILES} == {}


def test_no_module_is_too_long() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in modules()}

    assert {path: n for path, n in lines.items() if n > MOST_LINES} == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    imports = {each: graph.find_modules_directly_imported_by(each) for each in graph.modules}

    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError with the circle


def test_one_module_reads_what_the_broker_sends() -> None:
    reading = {
        path.name
        for path in (ROOT / "infra/alpaca").glob("*.py")
        if "model_validate" in path.read_text()
    }

    assert reading == {"responses.py"}


def test_the_statuses_of_open_orders_are_written_in_one_module() -> None:
    writing = {
        path.name
        for path in (ROOT / "infra/postgres").rglob("*.py")
        if re.search(r"status NOT IN \(", path.read_text())
    }

    assert writing == {"order_columns.py"}


@pytest.mark.parametrize(("question", "holds"), ANSWERS.items())
def test_contributing_says_where_it_is(question: str, holds: str) -> None:
    (row,) = re.findall(rf"^\| {question} \| (.*) \|$", CONTRIBUTING, re.MULTILINE)
    named = [ROOT / path for path in re.findall(r"\]\(([^)]+)\)", row)]

    assert named
    assert all(path.exists() for path in named)
    files = [file for path in named for file in (path.rglob("*.*") if path.is_dir() else [path])]
    assert any(holds in file.read_text() for file in files if file.suffix in {".py", ".sql"})


def test_every_file_that_contributing_names_exists() -> None:
    named = re.findall(
        r"`((?:common|functions|infra|tests|terraform|docs)/[\w/.-]*)`", CONTRIBUTING
    )

    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == ["functions/NAME.py"]


def test_the_changelog_has_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert f"\n## {version} - " in (ROOT / "CHANGELOG.md").read_text()


def test_every_entry_point_is_deployed_and_called_by_something() -> None:
    text = (ROOT / "terraform/functions.tf").read_text()
    table = dict(re.findall(r"^    (\w+) = \{\n((?: {6}.*\n)+)    \}$", text, re.MULTILINE))
    jobs = yaml.safe_load((ROOT / "infra/schedules.yaml").read_text())
    scheduled = {job["function"] for job in jobs}
    called = {
        name for name, body in table.items() if re.search("^ +(topic|callers) ", body, re.MULTILINE)
    }

    assert set(table) == set(main.__all__)
    assert called | scheduled == set(main.__all__)
    assert called & scheduled == set()


def test_every_http_client_shares_the_tls_context() -> None:
    """A context of a client's own costs 20 ms and more of each cold start."""
    clients = dict(_http_clients())

    assert clients
    assert [where for where, shares in clients.items() if not shares] == []


def _http_clients() -> Iterator[tuple[str, bool]]:
    """Yield where a client is made, and whether with the context of all."""
    for file in modules():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "httpx.Client":
                verify = [ast.unparse(key.value) for key in node.keywords if key.arg == "verify"]
                yield f"{file}:{node.lineno}", verify == ["tls_context()"]
