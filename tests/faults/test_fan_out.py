"""Asking in pieces: the same in the end as asking everybody at once, whatever happens meanwhile."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from common.errors import TransientError
from common.messages import RulesFired
from common.server_limits import ServerLimits
from functions import wiring
from functions.ask import ask_piece
from functions.evaluate import ask_all
from infra.postgres.database import Database, Transaction
from infra.runtime.settings import default_limits
from infra.simulator.broker import SimulatedBroker
from infra.workflows import asking
from tests.conftest import NOON, enroll, function, rows
from tests.functions.steps import deliver, messages

pytestmark = pytest.mark.usefixtures("environment")

_ACTION = {"action": "propose_order", "side": "buy", "notional_usd": 10}
_RULE = {
    "type": "price_below_pct_of_ref",
    "symbol": "SPY",
    "ref_metric": "prev_close",
    "threshold_pct": -1,
    "question_template": "?",
    "on_answer_match": _ACTION,
}
_LOSS = {
    "id": "out",
    "type": "position_loss_pct",
    "symbol": "SPY",
    "threshold_pct": 1,
    "question_template": "Out?",
    "on_answer_match": {"action": "close_position"},
}
_CONFIGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "full": {"rules": [_RULE | {"id": f"r{n}"} for n in range(3)], "max_queued_questions": 2},
    "unasked": {"guardrails": {"require_question_before_order": False}},
    "holding": {"rules": [_LOSS], "guardrails": {"max_notional_usd_per_4h": 5000}},
}


def limits() -> ServerLimits:
    """The server's own limits, with trading switched on and room for five shares an order."""
    return replace(default_limits(), trading_enabled=True, max_order_notional_usd=Decimal(2500))


class Crashing(Database):
    """A database whose caller dies at some commits: before them, or after them."""

    def __init__(self, database: Database, random: Random) -> None:
        self._of, self._random = database, random

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Run a transaction that may be rolled back, or whose caller never learns of it."""
        fate = self._random.choice(("well", "before", "after"))
        with self._of.transaction() as tx:
            yield tx
            if fate == "before":
                raise TransientError("a crash")
        if fate == "after":
            raise TransientError("a crash")


@pytest.fixture
def crowd(db: Database, simulator: SimulatedBroker) -> Database:
    """Users of four configs, some of whom hold what they may want to leave."""
    for n in range(12):
        for name, config in _CONFIGS.items():
            enroll(db, f"{name}-{n:02}", **config)
    with db.transaction() as tx:
        for n in range(12):
            _hold(tx, f"holding-{n:02}", 1 + n % 5)
    assert function("ingest").post("/").status_code == 200
    simulator.clock.advance(timedelta(seconds=1))
    return db


def _hold(tx: Transaction, uid: str, qty: int) -> None:
    """Book a position at 600, of which a rule at 492 says that it has lost."""
    values = {"uid": uid, "qty": qty, "now": NOON - timedelta(days=1)}
    tx.run(
        """
        WITH flagged AS (
            INSERT INTO opportunities (id, firebase_uid, rule_id, rule_type, symbol, price, as_of,
                                       snapshot_ids, config_hash, fired_at)
            VALUES (gen_random_uuid(), :uid, 'before', 't', 'SPY', 600, :now, '{}', 'h', :now)
            RETURNING id
        ), ordered AS (
            INSERT INTO trade_orders (id, firebase_uid, client_order_id, symbol, side, order_type,
                qty, status, rule_id, created_at, expires_at, updated_at, opportunity_id,
                asset_class, time_in_force, config_hash, seen_price, max_price_drift_pct)
            SELECT gen_random_uuid(), :uid, 'before-' || :uid, 'SPY', 'buy', 'market', :qty,
                   'filled', 'before', :now, :now, :now, id, 'us_equity', 'day', 'h', 600, 1
            FROM flagged RETURNING id
        )
        INSERT INTO trades (firebase_uid, symbol, asset_class, qty, avg_entry_price, opened_at,
                            opening_order_id)
        SELECT :uid, 'SPY', 'us_equity', :qty, 600, :now, id FROM ordered
        """,
        **values,
    )


def everything(db: Database) -> dict[str, list[dict[str, Any]]]:
    """What users were asked, what was ordered for them, and what others were told of it."""
    return {
        "asked": rows(
            db,
            """
            SELECT c.firebase_uid, c.rule_id, c.status, o.symbol, o.as_of,
                   q.metadata ->> 'qty' AS qty
            FROM confirmations c JOIN questions q ON q.id = c.question_id
            JOIN opportunities o ON o.id = c.opportunity_id AND o.rule_id = c.rule_id
            ORDER BY 1, 2
            """,
        ),
        "opportunities": rows(
            db, "SELECT firebase_uid, rule_id, symbol, as_of FROM opportunities ORDER BY 1, 2, 3, 4"
        ),
        "orders": rows(
            db, "SELECT firebase_uid, rule_id, status FROM trade_orders ORDER BY 1, 2, 3"
        ),
        "messages": rows(
            db,
            "SELECT topic, ordering_key, count(*) AS n FROM outbox"
            " WHERE topic IN ('questions-created', 'orders-approved') GROUP BY 1, 2 ORDER BY 1, 2",
        ),
    }


def at_once(db: Database, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask everybody in one piece, take down what came of it, and undo it."""
    monkeypatch.setattr(asking, "USERS_A_PIECE", 1_000_000)
    ask_all(db, limits(), now)
    result = everything(db)
    with db.transaction() as tx:
        tx.run("DELETE FROM confirmations")
        tx.run("DELETE FROM trade_orders WHERE rule_id <> 'before'")
        tx.run("DELETE FROM questions")
        tx.run("DELETE FROM opportunities WHERE rule_id <> 'before'")
        tx.run("DELETE FROM trading_cursors")
        tx.run("DELETE FROM outbox")
    return result


def announced(db: Database) -> list[RulesFired]:
    """Read the pieces that a tick left to others."""
    return [RulesFired.from_document(each) for each in messages(db, "rules-fired")]


@pytest.mark.parametrize("seed", range(8))
def test_pieces_lead_to_what_asking_at_once_leads_to(
    crowd: Database, simulator: SimulatedBroker, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random, now = Random(seed), simulator.clock.now()
    wanted = at_once(crowd, now, monkeypatch)
    monkeypatch.setattr(asking, "USERS_A_PIECE", random.choice((1, 3, 5, 30)))
    crashing = Crashing(crowd, random)
    for _ in range(2):  # the tick itself comes twice, and dies now and then
        with contextlib.suppress(TransientError):
            ask_all(crashing, limits(), now)
    ask_all(crowd, limits(), now)

    waiting = announced(crowd) * 2
    random.shuffle(waiting)
    while waiting:
        piece = waiting.pop(random.randrange(len(waiting)))
        try:
            ask_piece(crashing, piece, limits(), now + timedelta(seconds=random.randrange(60)))
        except TransientError:
            waiting.append(piece)

    assert everything(crowd) == wanted
    assert len(wanted["asked"]) == 12 * (1 + 2 + 2)


def test_a_piece_is_no_larger_than_was_said(
    crowd: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "USERS_A_PIECE", 5)

    asked = ask_all(crowd, limits(), simulator.clock.now())

    pieces = [sum(each.users for each in piece.audiences) for piece in announced(crowd)]
    assert max(pieces) <= 5
    assert sum(pieces) == 48 - 5
    assert asked <= 5 * 2


def test_a_piece_asks_its_own_users_and_nobody_else(
    crowd: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "USERS_A_PIECE", 5)
    ask_all(crowd, limits(), simulator.clock.now())
    piece = next(each for each in announced(crowd) if len(each.audiences) == 1)
    (audience,) = piece.audiences
    everybody = [row["firebase_uid"] for row in rows(crowd, "SELECT firebase_uid FROM users")]
    with crowd.transaction() as tx:  # forget whom the tick asked itself
        tx.run("DELETE FROM confirmations")
        tx.run("DELETE FROM trade_orders WHERE rule_id <> 'before'")
        tx.run("DELETE FROM opportunities WHERE rule_id <> 'before'")
        tx.run("DELETE FROM trading_cursors")

    ask_piece(crowd, piece, limits(), simulator.clock.now())

    found = rows(crowd, "SELECT firebase_uid FROM opportunities WHERE rule_id <> 'before'")
    assert {row["firebase_uid"] for row in found} == {
        uid for uid in everybody if audience.first_uid <= uid <= audience.last_uid
    }


def test_what_was_asked_in_pieces_is_counted_as_one(
    crowd: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "USERS_A_PIECE", 5)
    ask_all(crowd, limits(), simulator.clock.now())
    for piece in announced(crowd):
        ask_piece(crowd, piece, limits(), simulator.clock.now())

    counted = rows(crowd, "SELECT rule_id, asked, held_back FROM rule_status ORDER BY rule_id")

    assert counted == [
        *[{"rule_id": "dip_confirm", "asked": 12, "held_back": {}}] * 4,
        {"rule_id": "out", "asked": 12, "held_back": {}},
        {"rule_id": "r0", "asked": 12, "held_back": {}},
        {"rule_id": "r1", "asked": 0, "held_back": {"queue_full": 12}},
        {"rule_id": "r2", "asked": 0, "held_back": {"queue_full": 12}},
    ]


def test_a_later_evaluation_is_not_counted_among_an_earlier_one(
    crowd: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "USERS_A_PIECE", 1)
    ask_all(crowd, limits(), simulator.clock.now())
    late = announced(crowd)
    monkeypatch.setattr(asking, "USERS_A_PIECE", 1_000)
    simulator.clock.advance(timedelta(minutes=1))
    ask_all(crowd, limits(), simulator.clock.now())
    before = rows(crowd, "SELECT * FROM rule_status ORDER BY config_key, rule_id, symbol")

    for piece in late:
        ask_piece(crowd, piece, limits(), simulator.clock.now())

    after = rows(crowd, "SELECT * FROM rule_status ORDER BY config_key, rule_id, symbol")
    assert after == before


def test_a_piece_that_comes_after_its_questions_would_have_expired_asks_nobody(
    crowd: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "USERS_A_PIECE", 1)
    ask_all(crowd, limits(), simulator.clock.now())
    late = simulator.clock.now() + timedelta(seconds=900)

    assert sum(ask_piece(crowd, piece, limits(), late) for piece in announced(crowd)) == 0


def test_who_changed_their_config_meanwhile_is_not_asked_by_the_old_one(
    crowd: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "USERS_A_PIECE", 1)
    ask_all(crowd, limits(), simulator.clock.now())
    with crowd.transaction() as tx:
        tx.run("UPDATE user_trading_config SET enabled = false WHERE firebase_uid LIKE '%-1_'")
        tx.run(
            "UPDATE user_trading_config SET config = '{\"version\": 1}'"
            " WHERE firebase_uid = 'plain-05'"
        )

    for piece in announced(crowd):
        ask_piece(crowd, piece, limits(), simulator.clock.now())

    asked = {row["firebase_uid"] for row in rows(crowd, "SELECT firebase_uid FROM confirmations")}
    assert "plain-05" not in asked
    assert not {uid for uid in asked if uid.endswith(("-10", "-11"))}
    assert "plain-04" in asked


def test_one_config_that_fails_costs_the_others_of_its_piece_nothing(
    crowd: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "USERS_A_PIECE", 30)
    ask_all(crowd, limits(), simulator.clock.now())
    (piece,) = announced(crowd)
    bad, *good = piece.audiences
    firing = bad.firings[0].model_copy(update={"text": "no text of Postgres: \0"})
    piece = piece.model_copy(
        update={"audiences": (bad.model_copy(update={"firings": (firing,)}), *good)}
    )

    assert ask_piece(crowd, piece, limits(), simulator.clock.now()) > 0

    (found,) = rows(crowd, "SELECT config_key FROM set_aside_configs")
    assert found["config_key"] == bad.config_key


def test_the_function_asks_what_its_message_says_and_publishes(
    crowd: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "USERS_A_PIECE", 12)
    monkeypatch.setenv("HARD_MAX_ORDER_NOTIONAL_USD", "2500")
    wiring.reset()
    ask_all(crowd, limits(), simulator.clock.now())

    replies = [deliver("ask", piece).status_code for piece in announced(crowd)]

    assert set(replies) == {200}
    assert rows(crowd, "SELECT 1 FROM outbox WHERE published_at IS NULL") == []
    assert len(messages(crowd, "questions-created")) == 12 * (1 + 2 + 2)


def test_no_piece_is_asked_while_trading_is_switched_off(
    crowd: Database, simulator: SimulatedBroker, environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(asking, "USERS_A_PIECE", 1)
    ask_all(crowd, limits(), simulator.clock.now())
    environment.setenv("TRADING_ENABLED", "false")
    before = len(rows(crowd, "SELECT 1 FROM confirmations"))
    wiring.reset()

    for piece in announced(crowd):
        assert deliver("ask", piece).status_code == 200

    assert len(rows(crowd, "SELECT 1 FROM confirmations")) == before
