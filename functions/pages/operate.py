"""Operate: the kill switch, messages that were given up, schedules, drift, what checks find."""

from collections.abc import Mapping
from datetime import datetime

from werkzeug.exceptions import BadRequest, NotFound

from common.errors import PermanentError
from functions.pages.rendering import Reply, page
from functions.pages.requests import Call
from infra.postgres.console import operations
from infra.postgres.messages import dead_letters
from infra.workflows import kill_switch
from infra.workflows.doctor import database_checks

_SHOWN = 20
_LONGEST_REASON = 300


def show(call: Call, notice: str = "", problem: str = "") -> Reply:
    """Show what an operator looks after."""
    with call.app.database.transaction() as tx:
        shown = {
            "switches": operations.switches(tx, call.now),
            "history": operations.switch_history(tx, _SHOWN),
            "letters": operations.open_dead_letters(tx, _SHOWN),
            "drifts": operations.drifts(tx),
            "schedules": _schedules(call, operations.last_runs(tx)),
        }
    return page(
        call,
        "operate",
        notice=notice,
        problem=problem,
        findings=list(database_checks.examine(call.app)),
        status=422 if problem else 200,
        **shown,
    )


def switch(call: Call) -> Reply:
    """Halt or resume everybody's trading, with a reason for the record."""
    why, state = call.field("why")[:_LONGEST_REASON], call.field("state")
    change = {"halted": kill_switch.halt, "active": kill_switch.resume}.get(state)
    if change is None:
        raise BadRequest("The switch is either halted or active.")
    if not why:
        return show(call, problem="Say why: it is kept with the switch.")
    user = call.field("user") or None
    try:
        change(call.app.database, call.app.clock, user, why, call.who)
    except PermanentError as error:
        return show(call, problem=f"Nothing was changed: {error}.")
    whose = f"trading of {user}" if user else "all trading"
    return show(call, f"Halted: {whose}." if state == "halted" else f"Resumed: {whose}.")


def retry(call: Call) -> Reply:
    """Put a dead letter back into the outbox. Only on the local stack."""
    if not call.is_local:
        raise NotFound("Retry with `countersign dead-letters retry`.")
    letter = call.field("id")
    if not letter.isdecimal():
        raise BadRequest("A dead letter is named by its number.")
    with call.app.database.transaction() as tx:
        done = dead_letters.retry(tx, [int(letter)], call.now)
    return show(call, f"Letter {letter} is in the outbox again." if done else "It stays.")


def _schedules(
    call: Call, last_runs: Mapping[str, tuple[datetime | None, str]]
) -> list[tuple[str, str, datetime | None, str]]:
    """Name what is scheduled, when, and what its function's last run left behind.

    The jobs of the local stack; in a deployment their functions, Cloud Scheduler knows the jobs.
    """
    if not call.is_local:
        return [(name, "", *last) for name, last in last_runs.items()]
    from infra.runtime.schedules import load_schedules  # noqa: PLC0415 (the file is not deployed)

    return [
        (each.name, f"{each.schedule} {each.time_zone}", *last_runs[each.function])
        for each in load_schedules()
    ]
