"""Every rule type on five scripted minutes: it looks and is silent, then asks, on its minute."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, get_args

from common.market import NEW_YORK
from common.rules import Rule
from infra.local.driver import Driver
from infra.local.selftest.result import Result, untried
from infra.local.selftest.trader import MINUTE, Trader, document, rule, symbol_of
from infra.local.stack import Stack

# Minute by minute; the last close was at 99.50. Each print is 100 shares, as each past day was.
PATH = tuple(map(Decimal, ("100", "100.5", "101", "97", "97")))
LAST_CLOSE = Decimal("99.5")
# As many as an index of two days takes to settle.
PAST_DAYS = 20
_METRICS = (
    *("last_trade", "daily_bar", "prev_close", "day_open", "day_high", "day_low"),
    *("minute_bar", "daily_close"),
)
_WATCHED = "watched"
_FALL = {
    "type": "price_below_pct_of_ref",
    "ref_metric": "prev_close",
    "threshold_pct": -2,
}
_UP_DAY = {
    "type": "price_above_pct_of_ref",
    "ref_metric": "day_low",
    "threshold_pct": 5,
}
_ENTRY = {
    "type": "price_above_pct_of_ref",
    "ref_metric": "prev_close",
    "threshold_pct": "0.3",
}
_LEVEL = {"type": "price_crosses_level", "level": 98, "direction": "down"}


@dataclass(frozen=True)
class RuleScenario:
    """When a rule of a type must ask on the path; on the minute before it must see, and not ask."""

    tried: str
    asks_at: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    holds: bool = False


SCENARIOS: Mapping[str, RuleScenario] = {
    "price_below_pct_of_ref": RuleScenario("2 % below the last close", 3, _FALL),
    "price_above_pct_of_ref": RuleScenario(
        "1.2 % above the last close",
        2,
        {"ref_metric": "prev_close", "threshold_pct": "1.2"},
    ),
    "price_crosses_level": RuleScenario("down through $98", 3, _LEVEL),
    "pct_change_over_window": RuleScenario(
        "a fall of 3 % in two minutes", 3, {"window_minutes": 2, "threshold_pct": -3}
    ),
    "moving_average_cross": RuleScenario(
        "the close below the mean of two",
        4,
        {"fast": 1, "slow": 2, "timeframe": "1Min", "direction": "down"},
    ),
    "rsi_threshold": RuleScenario(
        "an index of two days below 30",
        3,
        {"period": 2, "timeframe": "1Day", "threshold": 30, "direction": "below"},
    ),
    "volume_above_average": RuleScenario(
        "three times an average day's volume", 2, {"factor": 3, "days": 2}
    ),
    "schedule": RuleScenario(
        "at 10:02 on Tuesdays",
        2,
        {"weekdays": ["tue"], "time": "10:02", "cooldown_seconds": 3600},
    ),
    "position_gain_pct": RuleScenario("a gain of 0.8 %", 2, {"threshold_pct": "0.8"}, holds=True),
    "position_loss_pct": RuleScenario("a loss of 2 %", 3, {"threshold_pct": 2}, holds=True),
    "all_of": RuleScenario("2 % down, and through $98", 3, {"conditions": [_FALL, _LEVEL]}),
    "any_of": RuleScenario("2 % down, or 5 % up", 3, {"conditions": [_UP_DAY, _FALL]}),
}


@dataclass
class Watcher:
    """A user with one rule of the type; `received` are its outcomes, minute by minute."""

    type: str
    trader: Trader
    received: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Read the outcome of the rule at this tick; a question must have reached the app, too."""
        asked = any(each.rule_id == _WATCHED for each in self.trader.new_questions())
        self.received.append("asks" if asked else self._outcome())

    def _outcome(self) -> str:
        with self.trader.stack.database.transaction() as tx:
            row = tx.row(
                """
                SELECT outcome FROM rule_status s JOIN user_trading_config c USING (config_key)
                WHERE c.firebase_uid = :uid AND s.rule_id = :rule AND s.evaluated_at = :now
                """,
                uid=self.trader.uid,
                rule=_WATCHED,
                now=self.trader.simulator.clock.now(),
            )
        return row["outcome"] if row else "not evaluated"


def judge(rule_type: str, received: Sequence[str]) -> Result:
    """Compare the outcomes, minute by minute, with the expected ones."""
    scenario = SCENARIOS[rule_type]
    expected = _sequence(scenario.asks_at, "not_met")
    asked = received.index("asks") if "asks" in received else None
    if asked is None:
        seen = f"never asks ({received[-1]})"
    else:
        seen = _sequence(asked, received[asked - 1] if asked else "nothing")
    return Result("rule", rule_type, f"{rule_type}: {scenario.tried}", expected, seen)


def types() -> Sequence[str]:
    """Discover the rule types that a config may name."""
    models = get_args(get_args(Rule)[0])
    return [name for model in models for name in get_args(model.model_fields["type"].annotation)]


def fire_all(stack: Stack) -> Iterator[Result]:
    """Let every rule type ask; one that has no scenario was not tried."""
    known = [each for each in types() if each in SCENARIOS]
    watchers = [Watcher(each, _enroll(stack, n, each)) for n, each in enumerate(known)]
    for minute, price in enumerate(PATH):
        _tick(stack, watchers, minute, price)
    for watcher in watchers:
        watcher.trader.leave()
    yield from (judge(watcher.type, watcher.received) for watcher in watchers)
    yield from untried_types()


def untried_types() -> Iterator[Result]:
    """Name the rule types that nothing lets fire."""
    yield from (untried("rule", each) for each in types() if each not in SCENARIOS)


def _tick(stack: Stack, watchers: Sequence[Watcher], minute: int, price: Decimal) -> None:
    drive = Driver(stack)
    if minute:
        drive.advance(MINUTE)
    for watcher in watchers:
        watcher.trader.price(price)
    drive.ingest()
    for watcher in watchers:
        if minute == 0 and SCENARIOS[watcher.type].holds:
            watcher.trader.say_yes(watcher.trader.new_questions()[0])
        watcher.listen()
    drive.reconcile()


def _enroll(stack: Stack, number: int, rule_type: str) -> Trader:
    """Make a user of the rule known; where it is about a position, with a rule that opens one."""
    scenario, symbol = SCENARIOS[rule_type], symbol_of(number)
    watched = rule(symbol, _WATCHED, {"type": rule_type} | dict(scenario.parameters))
    rules = [watched]
    if scenario.holds:
        watched["on_answer_match"] = {"action": "close_position"}
        rules = [rule(symbol, "entry", _ENTRY), watched]
    market, calendar = stack.simulator.market, stack.simulator.calendar
    day, days = stack.simulator.clock.now().astimezone(NEW_YORK).date(), list[date]()
    while len(days) < PAST_DAYS:
        day = calendar.before(day).date
        days.append(day)
    market.put_days(symbol, dict.fromkeys(reversed(days), LAST_CLOSE))
    return Trader.enroll(stack, number, document(symbol, rules, metrics=list(_METRICS)))


def _sequence(minute: int, before: str) -> str:
    return f"{before}, then asks in minute {minute}"
