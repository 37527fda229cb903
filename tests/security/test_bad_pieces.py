"""A row that should not be there costs itself alone: the rest goes on in the same tick."""

import itertools
import json
import time
from typing import Any

import pytest

from common.errors import OutcomeUnknownError, TradingError, TransientError
from common.messages import SnapshotsIngested
from infra.clients import Clients
from infra.postgres.database import Database
from infra.runtime.settings import Settings, SettingsError
from infra.workflows.doctor import database_checks
from infra.workflows.isolation import in_chunks, isolated
from tests.conftest import NOON, enroll, function, rows
from tests.functions.steps import deliver, tick

pytestmark = pytest.mark.usefixtures("environment")

OK = 200
ACTION = {"action": "propose_order", "side": "buy", "notional_usd": 10}
RULE = {
    "id": "own",
    "type": "price_below_pct_of_ref",
    "symbol": "SPY",
    "ref_metric": "prev_close",
    "threshold_pct": -1,
    "question_template": "?",
    "on_answer_match": ACTION,
}
LEAF = {
    "type": "rsi_threshold",
    "period": 30,
    "timeframe": "1Day",
    "threshold": 1,
    "direction": "below",
}
HISTORY = {
    "id": "primary_watchlist",
    "metrics": ["last_trade", "daily_bar", "prev_close", "daily_close"],
}
HEAVY = [RULE | {"id": f"r{n}", "type": "any_of", "conditions": [LEAF] * 8} for n in range(50)]
for _rule in HEAVY:
    del _rule["ref_metric"], _rule["threshold_pct"]

# Stored by an older version, or by hand: none of these can be saved today.
BAD: dict[str, dict[str, Any]] = {
    "no numeric of Postgres": {"rules": [RULE | {"max_price_drift_pct": "1e-20000"}]},
    "two hundred million digits": {"max_spread_pct": "1e-200000000"},
    "a threshold without end": {"rules": [RULE | {"threshold_pct": "-1e-90000000"}]},
    "no config at all": {"rules": "none"},
    "too expensive": {"data_inputs": [HISTORY], "rules": HEAVY},
    "too many requests": {
        "data_inputs": [
            {
                "id": f"o{n}",
                "source": "alpaca",
                "asset_class": "us_option",
                "underlyings": ["SPY"],
                "max_days_to_expiry": 1000,
                "strike_window_pct": 100,
            }
            for n in range(3)
        ]
    },
}


def store(db: Database, firebase_uid: str, config: dict[str, Any]) -> None:
    """Put a config where it is read, past every check."""
    enroll(db, firebase_uid)
    with db.transaction() as tx:
        tx.run(
            "UPDATE user_trading_config SET config = CAST(:config AS jsonb)"
            " WHERE firebase_uid = :uid",
            config=json.dumps(config),
            uid=firebase_uid,
        )


def asked(db: Database) -> list[str]:
    return [each["firebase_uid"] for each in rows(db, "SELECT firebase_uid FROM confirmations")]


def set_aside(db: Database) -> list[dict[str, Any]]:
    return rows(db, "SELECT * FROM set_aside_configs")


@pytest.mark.parametrize("config", BAD.values(), ids=BAD.keys())
def test_a_bad_config_is_set_aside_and_everybody_else_is_asked(
    db: Database, config: dict[str, Any]
) -> None:
    store(db, "bad", config)
    enroll(db, "good")

    tick()

    assert asked(db) == ["good"]
    assert len(set_aside(db)) == 1


def test_a_config_that_fails_while_it_is_evaluated_is_undone_alone(db: Database) -> None:
    enroll(db, "bad", rules=[RULE | {"id": "first"}, RULE | {"id": "second", "symbol": "AAPL"}])
    enroll(db, "good")
    assert function("ingest").post("/").status_code == OK
    with db.transaction() as tx:  # what only the database has against it
        tx.run("ALTER TABLE rule_status ADD CHECK (rule_id <> 'second' OR outcome = 'set_aside')")

    deliver("evaluate", SnapshotsIngested(ingested_at=NOON, stored=1))

    assert asked(db) == ["good"]
    (found,) = set_aside(db)
    assert "rule_status_check" in found["reason"]
    outcomes = rows(db, "SELECT DISTINCT outcome FROM rule_status WHERE rule_id = 'second'")
    assert [each["outcome"] for each in outcomes] == ["set_aside"]


def test_a_config_that_takes_too_long_is_set_aside_in_the_same_tick(
    environment: pytest.MonkeyPatch, db: Database
) -> None:
    enroll(db, "slow", rules=[RULE | {"id": f"slow-{number}"} for number in range(3)])
    enroll(db, "good")
    spent = itertools.count()  # a second of the processor at each look
    environment.setattr(time, "thread_time", lambda: float(next(spent)))

    tick()

    assert asked(db) == ["good"]
    (found,) = set_aside(db)
    assert "TooSlowError" in found["reason"]


def test_its_owner_and_the_operator_see_it(db: Database) -> None:
    store(db, "bad", BAD["no numeric of Postgres"])
    tick()
    environment = Clients(Settings.from_environment())

    try:
        (found,) = database_checks.configs(environment)
    finally:
        environment.close()

    assert found.status == "warn"
    assert "bad (1 users)" in found.message
    assert "max_price_drift_pct" in found.message


def test_a_config_that_was_mended_is_set_aside_no_more(db: Database) -> None:
    store(db, "bad", BAD["no config at all"])
    tick()
    store(db, "bad", {})

    tick()

    assert set_aside(db) == []
    assert asked(db) == ["bad"]


def test_the_pieces_that_fail_alone_are_named_and_all_others_are_done() -> None:
    done: list[int] = []

    def work(pieces: Any) -> None:
        if {3, 7} & set(pieces):
            raise ValueError("no")
        done.extend(pieces)

    failed = list(isolated(range(10), work))

    assert failed == [(3, "ValueError: no"), (7, "ValueError: no")]
    assert sorted(done) == [0, 1, 2, 4, 5, 6, 8, 9]
    assert [list(each) for each in in_chunks([1, 2, 3], 2)] == [[1, 2], [3]]


@pytest.mark.parametrize(
    "error",
    [TransientError("away"), OutcomeUnknownError("lost"), SettingsError("DATABASE_URL: a pooler")],
)
def test_what_is_no_pieces_fault_is_raised(error: TradingError) -> None:
    def work(_: Any) -> None:
        raise error

    with pytest.raises(TradingError) as raised:
        list(isolated([1, 2], work))
    assert raised.value is error
