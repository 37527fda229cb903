"""How the day stands, for console and command line: what runs, what waits, what is stuck."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from common.market import Session
from infra.postgres.console import operations, pipeline
from infra.postgres.console import questions as asked
from infra.postgres.database import Row, Transaction
from infra.postgres.market import sessions
from infra.postgres.messages import dead_letters
from infra.postgres.users import account_status, set_aside_configs

_QUESTIONS = 20


@dataclass(frozen=True)
class Stuck:
    """One thing that stands still; `id` is the order's, and None of all else."""

    kind: Literal["order", "messages", "dead_letters", "config", "position"]
    id: str | None
    what: str
    why: str


@dataclass(frozen=True)
class DayStatus:
    """The day so far.

    `is_open` is None where today's calendar is unknown, `session` the one that runs or comes next.
    `counts` are those of each step since New York's midnight, `questions` those that can still be
    answered, and `switches` those that restrict trading now, everybody's first.
    """

    at: datetime
    is_open: bool | None
    session: Session | None
    ingested_at: datetime | None
    evaluated_at: datetime | None
    switches: list[Row]
    counts: Row
    questions: list[Row]
    stuck: list[Stuck]


def read(tx: Transaction, now: datetime) -> DayStatus:
    """Read how the day stands."""
    today = sessions.day(tx, now)
    ticks = pipeline.last_tick(tx)
    return DayStatus(
        at=now,
        is_open=bool(today.regular and today.regular.contains(now)) if today else None,
        session=account_status.next_session(tx, now),
        ingested_at=ticks["ingested_at"],
        evaluated_at=ticks["evaluated_at"],
        switches=operations.switches(tx, now),
        counts=pipeline.counts(tx, now),
        questions=asked.pending(tx, now, _QUESTIONS),
        stuck=_stuck(tx, now),
    )


def _stuck(tx: Transaction, now: datetime) -> list[Stuck]:
    """Name what stands still, and why it counts as stuck."""
    letters = dead_letters.count_open(tx)
    return [
        *(
            Stuck(
                "order",
                str(order["id"]),
                f"{order['side']} {order['symbol']} of {order['firebase_uid']}",
                _why(order),
            )
            for order in pipeline.stuck_orders(tx, now)
        ),
        *(
            Stuck("messages", None, f"{m['waiting']} messages on {m['topic']}", "not published yet")
            for m in pipeline.unpublished(tx, now)
        ),
        *(
            [Stuck("dead_letters", None, f"{letters} dead letters", "given up, kept for you")]
            if letters
            else []
        ),
        *(
            Stuck("config", None, f"the config of {each['firebase_uid']}", each["reason"])
            for each in set_aside_configs.list_all(tx)
        ),
        *(
            Stuck(
                "position",
                None,
                drift["symbol"],
                f"the broker holds {drift['brokers']}, we have {drift['ours']}",
            )
            for drift in operations.drifts(tx)
        ),
    ]


def _why(order: Row) -> str:
    unknown = order["outcome_unknown_at"] is not None
    return "the broker's answer is unknown" if unknown else f"still {order['status']}"
