"""`make mutations`: take each guard away, and see the fault proof notice.

Each mutation is made in a copy of the tree of its own; the working tree is never touched. What the
proof does not notice is a guard that nothing proves.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
_COPIED = ("functions", "common", "infra", "tests", "docs", "pyproject.toml")


@dataclass(frozen=True)
class Mutation:
    """A guard, and the edits that take it away: (file, what stands there, what instead)."""

    guard: str
    edits: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Finding:
    """How many schedules it took, which seed failed, and what was violated; or nothing was."""

    schedules: int
    seed: str = ""
    violated: str = ""


MUTATIONS = (
    Mutation(
        "the look-up before an order is sent again",
        [
            (
                "functions/submit_order.py",
                (
                    "        said = self.trading.by_client_order_id(order.client_order_id)\n"
                    "        if said is not None:\n"
                    "            self.record(order, said)\n"
                    "            return\n"
                ),
                "",
            )
        ],
    ),
    Mutation(
        "the lock of the user's row",
        [("infra/postgres/orders.py", " FOR UPDATE OF u\n", "\n")],
    ),
    Mutation(
        "the locks of the user's and the order's row",
        [
            ("infra/postgres/orders.py", " FOR UPDATE OF u\n", "\n"),
            ("infra/postgres/orders.py", '" WHERE id = :id FOR UPDATE"', '" WHERE id = :id"'),
        ],
    ),
    Mutation(
        "the lock of the question's row",
        [("infra/postgres/confirmations.py", '_COLUMNS + " FOR UPDATE OF c"', "_COLUMNS")],
    ),
    Mutation(
        "the reservation",
        [
            (
                "infra/postgres/orders.py",
                "reserved_at = :now, reserved_usd = :reserved_usd, limit_price =",
                "limit_price =",
            )
        ],
    ),
    Mutation(
        "the one id of an order at the broker",
        [
            (
                "common/orders.py",
                '"client_order_id": self.client_order_id,',
                '"client_order_id": f"cs-{__import__(\'uuid\').uuid4()}",',
            )
        ],
    ),
    Mutation(
        "the outbox row in the transaction (published after the commit instead)",
        [
            (
                "infra/postgres/outbox.py",
                '    tx.run(\n        "INSERT INTO outbox',
                (
                    "    after_commit.append((message, ordering_key))\n"
                    "    return\n"
                    "    tx.run(\n"
                    '        "INSERT INTO outbox'
                ),
            ),
            (
                "infra/postgres/outbox.py",
                "\n\n@dataclass",
                "\n\nafter_commit: list[tuple[Message, str]] = []\n\n\n@dataclass",
            ),
            (
                "infra/relay.py",
                "        try:\n            self.publish_pending()",
                (
                    "        try:\n"
                    "            while outbox.after_commit:\n"
                    "                said, key = outbox.after_commit.pop(0)\n"
                    "                number = {'outbox_id': str(id(said))}\n"
                    "                data = said.model_dump_json().encode()\n"
                    "                self._publisher.publish(\n"
                    "                    said.topic, [PubsubMessage(data, key, number)]\n"
                    "                )\n"
                    "            self.publish_pending()"
                ),
            ),
        ],
    ),
    Mutation(
        "the expiry of the question, when it is answered",
        [("common/questions.py", " or now > standing.expires_at:", ":")],
    ),
    Mutation(
        "the expiry of the approval, among the guardrails",
        [("common/guardrails/__init__.py", "    consent.question_has_not_expired,\n", "")],
    ),
)


def main() -> None:
    """Try every mutation; leave with status 1 when one was not noticed."""
    options = _options()
    chosen = [each for each in MUTATIONS if re.search(options.only, each.guard)]
    console = Console(highlight=False)
    shown = Table("guard taken away", "noticed after", "seed", "violated", box=None, padding=(0, 2))
    unnoticed = 0
    for mutation in chosen:
        with console.status(f"without {mutation.guard} ..."):
            found = _try(mutation, options.schedules, options.seed)
        unnoticed += not found.seed
        after = f"{found.schedules} schedules" if found.seed else "[bold red]never[/]"
        shown.add_row(mutation.guard, after, found.seed, found.violated)
        console.print(f"  {mutation.guard}: {after} {found.violated}")
    console.print(shown)
    sys.exit(1 if unnoticed else 0)


def _try(mutation: Mutation, schedules: int, seed: int) -> Finding:
    """Run the proof without a guard until it fails."""
    with tempfile.TemporaryDirectory(prefix="countersign-mutation-") as folder:
        copy = Path(folder)
        _copy(copy)
        for path, guard, instead in mutation.edits:
            _edit(copy / path, guard, instead)
        command = ["-m", "tests.faults.run", str(schedules), "--seed", str(seed), "--until-failure"]
        run = subprocess.run(  # noqa: S603 (our own module)
            [sys.executable, *command], cwd=copy, capture_output=True, text=True, check=False
        )
        return _read(run.stdout + run.stderr)


def _read(said: str) -> Finding:
    """Read the report of a run."""
    schedules = re.search(r"schedules +(\d+)", said)
    failed = re.search(r"SEED=(\d+)", said)
    violated = re.findall(r"^ +(\w+_\w+) +\d+ *$", said.partition("Violations")[2], re.MULTILINE)
    if schedules is None:
        return Finding(0, "-", f"the run broke: {said[-300:]}")
    return Finding(int(schedules[1]), failed[1] if failed else "", ", ".join(violated))


def _copy(folder: Path) -> None:
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / name, folder / name)


def _edit(path: Path, guard: str, instead: str) -> None:
    text = path.read_text()
    if text.count(guard) != 1:
        raise SystemExit(f"{path.name} has changed: it must hold exactly once\n{guard}")
    path.write_text(text.replace(guard, instead))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("schedules", type=int, nargs="?", default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a pattern in the guard's name")
    return parser.parse_args()


if __name__ == "__main__":
    main()
