"""`python -m tests.faults.killed.stack FOLDER APP_URL`: the whole local stack, to be killed.

Everything that it must remember is in FOLDER; many users are asked at every tick.
"""

import json
import sys
from pathlib import Path
from typing import Any

from infra.local.app_backend import AppBackend
from infra.local.scheduler import LocalScheduler
from infra.local.stack import Stack, User, local_stack
from infra.runtime.ending import Ending
from infra.runtime.schedules import load_schedules
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock

STACK_FILE = "stack.json"
USERS = tuple(f"user-{number}" for number in range(24))
_PRICES = (("SPY", 98, 100), ("AAPL", 48, 50))


def config() -> dict[str, Any]:
    """Return every user's config: two rules that fire at every tick, and as much as is allowed."""
    return {
        "version": 1,
        "enabled": True,
        "data_inputs": [
            {
                "id": "stocks",
                "source": "alpaca",
                "asset_class": "us_equity",
                "symbols": [symbol for symbol, _, _ in _PRICES],
                "feed": "iex",
            }
        ],
        "rules": [_dip(symbol) for symbol, _, _ in _PRICES],
        "guardrails": {"max_orders_per_day": 20, "max_notional_usd_per_4h": 5000},
    }


def main(folder: Path, app_url: str) -> None:
    """Run until the end, which comes without a warning but once."""
    ending = Ending()
    (folder / STACK_FILE).unlink(missing_ok=True)
    clock = SimulatedClock()
    simulator = SimulatedBroker(clock, database=folder / "broker.sqlite", always_open=True)
    for symbol, last, previous in _PRICES:
        simulator.market.set_price(symbol, last, prev_close=previous, live=True)
    users = [User(uid, None, config()) for uid in USERS]
    pushes = {"questions-created": [f"{app_url}/questions-created"]}
    with (
        simulator,
        local_stack(folder, simulator, AppBackend(), users, pushes=pushes) as stack,
        LocalScheduler(load_schedules(), stack.functions.url, clock),
    ):
        _tell(folder, stack)
        ending.wait()


def _dip(symbol: str) -> dict[str, Any]:
    return {
        "id": f"{symbol.lower()}-dip",
        "type": "price_below_pct_of_ref",
        "symbol": symbol,
        "ref_metric": "prev_close",
        "threshold_pct": -1,
        "cooldown_seconds": 0,
        "question_template": "Buy {{symbol}}?",
        "on_answer_match": {"action": "propose_order", "side": "buy", "notional_usd": 10},
    }


def _tell(folder: Path, stack: Stack) -> None:
    """Say where everything is; complete or not there at all."""
    urls = {
        "functions": stack.functions.url,
        "broker": stack.broker_url,
        "database": stack.database_url,
    }
    unfinished = folder / f"{STACK_FILE}.part"
    unfinished.write_text(json.dumps(urls))
    unfinished.replace(folder / STACK_FILE)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
