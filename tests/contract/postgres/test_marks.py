"""What was reached is never taken back by who comes late."""

from dataclasses import replace
from datetime import timedelta

from functions import evaluate
from infra.postgres.dashboard import snapshot_pushes
from infra.postgres.dashboard.snapshot_pushes import Push
from infra.postgres.database import Database
from infra.postgres.market import market_data
from infra.postgres.users.configs import SharedConfig
from tests.conftest import NOON
from tests.unit.samples import config, document

MINUTE = timedelta(minutes=1)


def test_the_mark_of_a_fetch_goes_forward_only(db: Database) -> None:
    with db.transaction() as tx:
        for at in (NOON, NOON + MINUTE, NOON - MINUTE):
            market_data.mark_fetched(tx, ["spy", "spy"], at)
        market_data.mark_fetched(tx, ["qqq"], NOON)

        assert market_data.last_fetches(tx, NOON) == {"spy": NOON + MINUTE, "qqq": NOON}


def test_the_last_push_is_the_newest_of_its_day_whenever_it_was_recorded(db: Database) -> None:
    day = NOON.date()
    newest = Push(day, NOON + MINUTE, "body", "newest", body_bytes=1, missing={})
    with db.transaction() as tx:
        for push in (
            newest,
            replace(newest, updated_at=NOON, content_sha256="late"),
            Push(
                day + timedelta(days=1),
                NOON + 2 * MINUTE,
                "body",
                "tomorrow",
                body_bytes=1,
                missing={},
            ),
        ):
            snapshot_pushes.store(tx, push, "accepted")
        snapshot_pushes.store(tx, replace(newest, updated_at=NOON + 3 * MINUTE), "refused")
        found = snapshot_pushes.last_push(tx, day, NOON + 60 * MINUTE)

    assert found is not None
    assert (found.updated_at, found.content_sha256) == (NOON + MINUTE, "newest")


def test_the_largest_need_of_several_configs_is_met_whatever_their_order() -> None:
    rule = {
        "type": "moving_average_cross",
        "symbol": "SPY",
        "timeframe": "1Day",
        "direction": "up",
        "question_template": "?",
        "on_answer_match": {"action": "propose_order", "side": "buy", "notional_usd": 10},
    }
    (watch,) = document()["data_inputs"]
    watch = watch | {"metrics": [*watch["metrics"], "daily_close"]}
    shared = [
        SharedConfig(
            name,
            config(
                data_inputs=[watch], rules=[rule | {"id": name, "fast": fast, "slow": 2 * fast}]
            ),
        )
        for name, fast in (("few", 5), ("many", 50), ("some", 20))
    ]

    needed = [
        evaluate._needs(order)["SPY", "daily_close", "iex"]
        for order in (shared, shared[::-1], shared[1:] + shared[:1])
    ]

    assert len(set(needed)) == 1
    assert needed[0] >= 100
