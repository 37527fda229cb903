"""`countersign status`, `watch`: how the day stands, at a glance and as it goes on."""

import contextlib
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from common.errors import TransientError
from common.market import NEW_YORK
from common.wire import to_wire
from infra.cli.connections import open_clients
from infra.cli.options import AS_JSON, examples
from infra.clients import Clients
from infra.runtime.printable import printable
from infra.workflows import day_status
from infra.workflows.day_status import DayStatus

_COUNTS = {
    "facts": "facts stored",
    "opportunities": "rules fired",
    "asked": "questions",
    "approved": "approved",
    "orders": "orders",
    "denied": "denied",
    "filled": "filled",
}


@click.command(epilog=examples("countersign status", "countersign status --json"))
@AS_JSON
def status(*, as_json: bool) -> None:
    """Show whether it trades, how far the day has come, what waits for an answer, what is stuck."""
    _show(open_clients(), as_json=as_json)


@click.command(
    epilog=examples("countersign watch --interval 5", "countersign watch --json --times 3")
)
@AS_JSON
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--times", type=click.IntRange(1), help="How many looks; until Ctrl-C otherwise.")
def watch(*, as_json: bool, interval: float, times: int | None) -> None:
    """Show the status again and again, until Ctrl-C; a database that is away is waited for."""
    clients = open_clients()
    with contextlib.suppress(KeyboardInterrupt):
        for look in range(1, times + 1) if times else itertools.count(1):
            try:
                _show(clients, as_json=as_json, again=True)
            except TransientError as error:
                if look == times:
                    raise
                click.echo(f"countersign: {error}; looking again", err=True)
            if look != times:
                time.sleep(interval)


def _show(clients: Clients, *, as_json: bool, again: bool = False) -> None:
    with clients.database.transaction() as tx:
        found = day_status.read(tx, clients.clock.now())
    enabled = clients.settings.trading_enabled
    if as_json:
        document = _document(found, enabled=enabled)
        click.echo(json.dumps(document, indent=None if again else 2, ensure_ascii=False))
    else:
        if again:
            click.clear()  # nothing where this is no terminal
        click.echo("\n".join(map(printable, _lines(found, enabled=enabled))))


def _document(found: DayStatus, *, enabled: bool) -> Any:
    """Return the status as JSON has it; of a question what one needs to answer it."""
    asked = ("id", "firebase_uid", "rule_id", "text", "asked_at", "expires_at")
    session = vars(found.session) if found.session else None
    questions = [{name: each[name] for name in asked} for each in found.questions]
    stuck = [asdict(each) for each in found.stuck]
    shown = vars(found) | {"session": session, "questions": questions, "stuck": stuck}
    return to_wire({"trading_enabled": enabled, **shown})


def _lines(found: DayStatus, *, enabled: bool) -> Iterator[str]:
    yield f"Trading   {_trading(found, enabled=enabled)}"
    yield f"Session   {_session(found)}"
    yield f"Last tick {_local(found.ingested_at)}, rules {_local(found.evaluated_at)}"
    yield "Today     " + ", ".join(f"{found.counts[name]} {what}" for name, what in _COUNTS.items())
    yield f"Questions {found.counts['pending'] or 'none'} waiting"
    for each in found.questions:
        yield f"  {each['text']} (until {_local(each['expires_at'])})"
        yield f"    countersign answer {each['id']} +10"
    yield f"Stuck     {len(found.stuck) or 'nothing'}"
    for thing in found.stuck:
        yield f"  {thing.what}: {thing.why}" + (f" ({thing.id})" if thing.id else "")


def _trading(found: DayStatus, *, enabled: bool) -> str:
    if not enabled:
        return "disabled: TRADING_ENABLED is off"
    if not found.switches:
        return "active"
    first = found.switches[0]
    if first["scope"] == "*":
        return f"{first['state']}: {first['reason']}"
    return f"active, but for {', '.join(each['scope'] for each in found.switches)}"


def _session(found: DayStatus) -> str:
    state = {None: "unknown", True: "open", False: "closed"}[found.is_open]
    if found.session is None:
        return f"{state}; no calendar is stored"
    if found.is_open:
        return f"{state}, closes {_local(found.session.close)}"
    return f"{state}, opens {_local(found.session.open)}"


def _local(at: datetime | None) -> str:
    return f"{at.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S} New York" if at else "never"
