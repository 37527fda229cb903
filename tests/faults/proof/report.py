"""What a run says at its end: one table of what happened, and what should not have."""

from collections import Counter

from rich.table import Table

from infra.simulator.faults.fault_kinds import KINDS as ALL_BROKER_KINDS
from tests.faults.proof.injected_fault import KINDS
from tests.faults.proof.trial import Verdict

Counts = list[tuple[str, int]]
# What hits requests and orders: the proof follows no stream.
BROKER_KINDS = [kind for kind, traits in ALL_BROKER_KINDS.items() if not traits.hits_streams]


def table(schedules: int, verdict: Verdict) -> Table:
    """Show a run; what never occurred shows its zero."""
    shown = Table(box=None, padding=(0, 2), show_header=False)
    for name, counts in _groups(schedules, verdict.happened):
        total = sum(count for _, count in counts)
        shown.add_row(f"[bold cyan]{name}[/]", "", f"[bold]{total:,}[/]" if len(counts) > 1 else "")
        for what, count in counts:
            shown.add_row("", what, f"{count:,}" if count else "[red]0[/]")
    found = Counter(each.partition(":")[0] for each in verdict.violations)
    mark = "bold red" if found else "bold green"
    shown.add_row("[bold cyan]Violations[/]", "", f"[{mark}]{found.total():,}[/]")
    for what, count in found.most_common():
        shown.add_row("", what, f"[red]{count:,}[/]")
    return shown


def missing(happened: Counter[tuple[str, ...]]) -> list[str]:
    """Name the kinds of trouble that never occurred."""
    groups = [*_troubles(happened), ("Broker", _of(happened, "broker", *BROKER_KINDS))]
    return [f"{name}: {what}" for name, counts in groups for what, count in counts if not count]


def _groups(schedules: int, happened: Counter[tuple[str, ...]]) -> list[tuple[str, Counts]]:
    steps = sum(count for key, count in happened.items() if key[0] == "step")
    return [
        ("Lived through", [("schedules", schedules), ("steps", steps)]),
        ("Steps", _of(happened, "step")),
        *_troubles(happened),
        ("Faults of the broker", _of(happened, "broker", *BROKER_KINDS)),
        ("Orders", _of(happened, "count")),
        ("Ended as", _of(happened, "status")),
        ("Denials", _of(happened, "denial")),
    ]


def _troubles(happened: Counter[tuple[str, ...]]) -> list[tuple[str, Counts]]:
    named = {
        "crash": "Crashes",
        "lost": "Database connections lost",
        "serialization": "Serialization failures",
        "deadlock": "Deadlocks",
        "unreachable": "Requests that never left",
        "reply_lost": "Replies lost",
        "late": "Orders that arrive late",
    }
    found = [(named[kind], _of(happened, kind, *places)) for kind, places in KINDS.items()]
    return [*found, ("Database restarts", _of(happened, "restart", "database"))]


def _of(happened: Counter[tuple[str, ...]], group: str, *expected: str) -> Counts:
    """Count a group by what it is: what is expected first, then what came besides."""
    counts = dict.fromkeys(expected, 0)
    for key, count in sorted(happened.items()):
        if key[0] == group:
            counts[" ".join(key[1:])] = count
    return list(counts.items())
