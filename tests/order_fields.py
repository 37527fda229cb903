"""`make order-fields`: remove each field of an order wherever it is named, and see a test fail.

Each removal is made in a copy of the tree; the table says which test noticed it. One that no test
notices is a field that could be lost.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.copied_tree import ROOT, copy_tree

_COPIED = ("functions", "common", "infra", "tests", "docs", "pyproject.toml", "README.md")
# The fastest first; later the one that noticed the last removal: neighbors are noticed by the same.
_TESTS = [
    "tests/unit/docs/test_order_document.py",
    "tests/unit/orders/test_orders.py",
    "tests/unit/test_actions.py",
    "tests/unit/test_questions.py",
    "tests/unit/docs/test_message_docs.py",
    "tests/unit/docs/test_config_docs.py",
    "tests/functions/orders/test_order_fields.py",
    "tests/functions/account/test_account_api_document.py",
    "tests/functions/account/test_account_api_orders.py",
    "tests/functions/test_app_messages.py",
]
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """A part of a file that names fields: between two texts, what `pattern` finds as `name`."""

    title: str
    path: str
    begin: str
    end: str
    pattern: str

    def removals(self) -> Iterator["Removal"]:
        """Yield the file's text without each field."""
        text = (ROOT / self.path).read_text()
        start = text.index(self.begin) + len(self.begin)
        stop = text.index(self.end, start) + 1
        for found in re.compile(self.pattern, re.MULTILINE).finditer(text, start, stop):
            rest = text[: found.start()] + text[found.end() :]
            yield Removal(self, found["name"], rest)


@dataclass(frozen=True)
class Removal:
    """The text of a place's file without a field."""

    place: Place
    field: str
    text: str


_FIELD = r"^    (?P<name>\w+): .*\n"
_COLUMNS = "infra/postgres/trading/order_columns.py"
PLACES = (
    Place("Order", "common/orders/order.py", "class Order:", "@property", _FIELD),
    Place("Terms", "common/questions.py", "class Terms(Model):", "\n\n\n", _FIELD),
    Place(
        "terms()", "common/questions.py", "return Terms(", "\n    )", r"^        (?P<name>\w+)=.*\n"
    ),
    Place("Proposal", "common/actions.py", "class Proposal:", "@property", _FIELD),
    Place("ProposeOrder", "common/actions.py", "class ProposeOrder(Model):", "@model_val", _FIELD),
    Place(
        "to_wire",
        "common/orders/order.py",
        "def to_wire",
        "} | {name",
        r'"(?P<name>\w+)": self\.\w+(?:, |,|(?=}))',
    ),
    Place("TradeUpdate", "common/messages.py", "class TradeUpdate(Message):", "is_final", _FIELD),
    Place(
        "table",
        "infra/postgres/migrations/0009_orders.sql",
        "CREATE TABLE trade_orders (",
        "CHECK ((",
        r"^    (?P<name>[a-z_]+) .*,\n",
    ),
    Place("KEPT", _COLUMNS, "KEPT = (", "\n", r'"(?P<name>\w+)",'),
    Place("MADE_WITH", _COLUMNS, "MADE_WITH:", "\n}", r'^    "(?P<name>\w+)": .*\n'),
    Place("LATER", _COLUMNS, "LATER = (", "\n)", r'^    "(?P<name>\w+)",\n'),
    Place("SHOWN", _COLUMNS, "SHOWN = (", "\n)", r'"(?P<name>\w+)(?: AS \w+)?"(?:, |(?=\)))'),
    Place("API", "docs/openapi.yaml", "\n    Order:", "\n\n", r"^        (?P<name>\w+): .*\n"),
    Place(
        "API, required",
        "docs/openapi.yaml",
        "\n    Order:",
        "additional",
        r"^        - (?P<name>\w+)\n",
    ),
)


def main() -> None:
    """Try every removal; leave with status 1 when one was not noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a pattern in `place field`")
    only = parser.parse_args().only
    removals = [each for place in PLACES for each in place.removals()]
    tests, unnoticed = list(_TESTS), 0
    with tempfile.TemporaryDirectory(prefix="countersign-order-fields-") as folder:
        copy = Path(folder)
        copy_tree(copy, _COPIED)
        for each in removals:
            if re.search(only, f"{each.place.title} {each.field}"):
                noticed_by = _noticed_by(copy, each, tests)
                unnoticed += noticed_by is None
                shown = noticed_by or "NOT NOTICED"
                print(f"{each.place.title:14} {each.field:20} {shown}", flush=True)  # noqa: T201
    sys.exit(1 if unnoticed else 0)


def _noticed_by(copy: Path, removal: Removal, tests: list[str]) -> str | None:
    """Return the test that fails without the field; None when all pass.

    Its file becomes the first of `tests`.
    """
    path = copy / removal.place.path
    before = path.read_text()
    path.write_text(removal.text)
    try:
        run = subprocess.run(  # noqa: S603 (our own tests)
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-x",
                "-n",
                "0",
                "-p",
                "no:cacheprovider",
                *tests,
            ],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_text(before)
    if run.returncode == 0:
        return None
    failed = _FAILED.search(run.stdout)
    if failed:
        tests.sort(key=lambda file: not failed[1].startswith(file))
    return failed[1] if failed else (run.stderr or run.stdout).strip().splitlines()[-1]


if __name__ == "__main__":
    main()
