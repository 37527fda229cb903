"""Live and replay agree: the real functions and `countersign replay` ask and order the same."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from common.market import NEW_YORK
from common.rules import Rule
from tests.conftest import SHARED
from tests.e2e.test_demo import MARKET_DATA, countersign, replay, write_bars

METRICS = [
    "last_trade",
    "daily_bar",
    "prev_close",
    "day_open",
    "day_high",
    "day_low",
    "minute_bar",
    "daily_close",
]
BELOW = {"type": "price_below_pct_of_ref", "ref_metric": "day_high", "threshold_pct": -0.5}
ABOVE = {"type": "price_above_pct_of_ref", "ref_metric": "day_low", "threshold_pct": 0.1}
# Conditions that fire on a falling day, and those about positions, which only a yes brings.
CONDITIONS: list[dict[str, Any]] = [
    BELOW,
    ABOVE,
    {"type": "price_crosses_level", "level": 166, "direction": "down"},
    {"type": "pct_change_over_window", "window_minutes": 30, "threshold_pct": -0.3},
    {
        "type": "moving_average_cross",
        "fast": 5,
        "slow": 20,
        "timeframe": "1Min",
        "direction": "down",
    },
    {"type": "rsi_threshold", "timeframe": "1Min", "threshold": 25, "direction": "below"},
    {"type": "volume_above_average", "factor": 0.05, "days": 1},
    {"type": "position_gain_pct", "threshold_pct": 1},
    {"type": "position_loss_pct", "threshold_pct": 1},
    {"type": "schedule", "weekdays": ["mon", "tue", "wed", "thu", "fri"], "time": "11:00"},
    {"type": "all_of", "conditions": [BELOW, ABOVE]},
    {"type": "any_of", "conditions": [BELOW, ABOVE]},
]
POSITIONS = {"position_gain_pct", "position_loss_pct"}


def write_config(
    folder: Path, symbols: list[str], conditions: list[dict[str, Any]], **guardrails: Any
) -> Path:
    action = {"action": "propose_order", "side": "buy", "notional_usd": 10}
    document = {
        "version": 1,
        "enabled": True,
        "data_inputs": [
            {
                "id": "watchlist",
                "source": "alpaca",
                "asset_class": "us_equity",
                "symbols": symbols,
                "metrics": METRICS,
            }
        ],
        "rules": [
            {
                "id": condition["type"],
                "symbols": symbols,
                "cooldown_seconds": 3600,
                "question_template": "{{symbol}}?",
                "on_answer_match": action,
            }
            | condition
            for condition in conditions
        ],
        "guardrails": guardrails,
        "max_queued_questions": 100,
    }
    path = folder / "rules.json"
    path.write_text(json.dumps(document))
    return path


def tried(bars: list[Path], config: Path, cwd: Path) -> dict[str, Any]:
    files = [part for path in bars for part in ("--bars", str(path))]
    done = countersign("replay", "--config", str(config), *files, "--json", cwd=cwd)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def seen(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    keys = ("rule_id", "symbol", "price", "pct", "as_of", "fired_at")
    return sorted(tuple(str(each[key]) for key in keys) for each in report["opportunities"])


def ordered(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    keys = ("symbol", "side", "notional_usd", "status", "denial_code")
    return [tuple(each[key] for key in keys) for each in report["orders"]]


def agree(bars: list[Path], config: Path, cwd: Path) -> tuple[set[str], dict[str, Any]]:
    """Compare both ways, every question answered yes; return which rules fired, and the replay."""
    live = replay(bars, config, "10", cwd)
    history = tried(bars, config, cwd)

    assert seen(history) == seen(live)
    assert sorted(ordered(history)) == sorted(ordered(live))
    return {rule_id for rule_id, *_ in seen(live)}, history


def test_every_rule_type_is_compared() -> None:
    types = {
        get_args(each.model_fields["type"].annotation)[0] for each in get_args(get_args(Rule)[0])
    }

    assert {condition["type"] for condition in CONDITIONS} == types


@pytest.mark.skipif(not MARKET_DATA.is_dir(), reason="the recorded market data is not beside us")
def test_on_recorded_minutes_every_type_agrees_and_fires(tmp_path: Path) -> None:
    days = [SHARED / f"market-data/2013-10-0{n}_equity_minute_bars.csv.gz" for n in (4, 7, 8)]

    wide = {"max_orders_per_day": 100, "max_notional_usd_per_4h": 10_000}
    config = write_config(tmp_path, ["SPY", "IBM"], CONDITIONS, **wide)
    fired, found = agree(days, config, tmp_path)

    # The server's own cap is reached before the last of them fires.
    capped = {rule for rule, why in found["silent"].items() if "MAX_ORDERS_PER_DAY" in why}
    assert fired | capped >= {condition["type"] for condition in CONDITIONS} - POSITIONS
    assert len(fired) > len(CONDITIONS) / 2


@pytest.mark.skipif(MARKET_DATA.is_dir(), reason="recorded minutes say more, and are beside us")
def test_on_generated_minutes_they_agree(tmp_path: Path) -> None:
    falling = {minute: f"{500 - minute / 40:.2f}" for minute in range(0, 390, 3)}
    days = [
        write_bars(tmp_path / f"{n}.csv.gz", datetime(2026, 2, n, tzinfo=NEW_YORK), closes)
        for n, closes in ((9, {0: "500"}), (10, falling))
    ]
    conditions = [c | ({"level": 495} if "level" in c else {}) for c in CONDITIONS]

    caps = {"max_orders_per_day": 9, "max_notional_usd_per_4h": 60, "daily_loss_limit_usd": "0.5"}
    fired, found = agree(days, write_config(tmp_path, ["SPY"], conditions, **caps), tmp_path)

    assert {"price_below_pct_of_ref", "rsi_threshold"} <= fired
    held_back = {reason for reasons in found["silent"].values() for reason in reasons}
    assert {"MAX_NOTIONAL_PER_WINDOW", "TRADING_HALTED"} <= held_back


def test_a_replay_draws_a_picture_and_says_why_rules_were_silent(tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "9.csv.gz", datetime(2026, 2, 9, tzinfo=NEW_YORK), {0: "500"})
    day = write_bars(
        tmp_path / "10.csv.gz", datetime(2026, 2, 10, tzinfo=NEW_YORK), {0: "500", 60: "490"}
    )
    caps = {"max_orders_per_day": 3, "max_notional_usd_per_4h": 100}
    config = write_config(tmp_path, ["SPY"], [BELOW, *CONDITIONS[7:9]], **caps)

    done = countersign(
        "replay", "--config", str(config), "--bars", str(bars), "--bars", str(day),
        "--plot", str(tmp_path / "plot.png"), cwd=tmp_path,
    )  # fmt: skip

    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert "would buy $10: filled" in done.stdout
    assert "price_below_pct_of_ref was silent: MAX" in done.stdout
