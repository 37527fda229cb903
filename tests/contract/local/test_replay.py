"""`countersign replay`: caps and guardrails count over recorded minutes as they do live."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from common.config import TradingConfig, merge
from common.errors import MalformedMessageError
from common.market import NEW_YORK
from common.model import parse_json
from infra.cli import main
from infra.local.narrator import Narrator
from infra.local.replay import history, sample, session, sparkline
from infra.local.replay.history import History
from infra.runtime.settings import default_limits
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.recording import Recording
from infra.simulator.market.recording_csv import COLUMNS, BadRecordingError
from tests.conftest import ROOT
from tests.e2e.test_demo import write_bars

BUY = {"action": "propose_order", "side": "buy", "notional_usd": 40}
DIP = {
    "id": "dip",
    "type": "price_below_pct_of_ref",
    "symbol": "SPY",
    "ref_metric": "prev_close",
    "threshold_pct": -1,
    "cooldown_seconds": 60,
    "question_template": "{{symbol}}?",
    "on_answer_match": BUY,
}
MONDAY, TUESDAY = (datetime(2026, 2, day, tzinfo=NEW_YORK) for day in (9, 10))
DOWN = {0: "500", 10: "490"}


def config_of(*rules: dict[str, Any], **guardrails: Any) -> TradingConfig:
    return TradingConfig.from_document(
        {
            "version": 1,
            "enabled": True,
            "data_inputs": [
                {
                    "id": "watchlist",
                    "source": "alpaca",
                    "asset_class": "us_equity",
                    "symbols": ["SPY"],
                }
            ],
            "rules": list(rules or [DIP]),
            "guardrails": {"max_orders_per_day": 100, "max_notional_usd_per_4h": 10_000}
            | guardrails,
        }
    )


def played(folder: Path, config: TradingConfig, closes: dict[int, str]) -> History:
    days = [
        write_bars(folder / "9.csv.gz", MONDAY, {0: "500"}),
        write_bars(folder / "10.csv.gz", TUESDAY, closes),
    ]
    return session.replay(config, Recording.read(days), default_limits(), Narrator(as_json=True))


def orders(found: History) -> list[tuple[str, str | None]]:
    placed = [each.order.order for each in found.opportunities if each.order]
    return [(order.status, order.denial_code) for order in placed]


def asked_at(found: History) -> list[str]:
    times = [each.fired_at.astimezone(NEW_YORK) for each in found.opportunities]
    return [f"{at:%H:%M}" for at in times]


def test_the_days_cap_is_reached_and_nobody_is_asked_for_more(tmp_path: Path) -> None:
    found = played(tmp_path, config_of(max_orders_per_day=2), DOWN)

    assert orders(found) == [("filled", None)] * 2
    assert found.not_fired["dip"]["MAX_ORDERS_PER_DAY"] > 300


def test_the_window_has_room_again_after_four_hours(tmp_path: Path) -> None:
    found = played(tmp_path, config_of(max_notional_usd_per_4h=100), DOWN)

    # The bar that opens at 09:40 is known at 09:41; a yes comes a minute after each question.
    assert asked_at(found) == ["09:41", "09:42", "13:42", "13:43"]
    assert orders(found) == [("filled", None)] * 4


def test_the_price_may_leave_between_the_question_and_the_yes(tmp_path: Path) -> None:
    cooled = DIP | {"cooldown_seconds": 86_400}

    found = played(tmp_path, config_of(cooled), {0: "500", 10: "490", 11: "480"})

    assert orders(found) == [("denied", "PRICE_DRIFT")]
    assert "would buy $40: denied PRICE_DRIFT" in next(history.lines(found))


def test_who_lost_too_much_may_only_sell(tmp_path: Path) -> None:
    falling = {0: "500", 10: "490", 60: "460"}
    out = DIP | {
        "id": "out",
        "threshold_pct": -5,
        "on_answer_match": {"action": "propose_order", "side": "sell", "notional_usd": 10},
        "cooldown_seconds": 86_400,
    }
    once = DIP | {"cooldown_seconds": 3600}

    found = played(tmp_path, config_of(once, out, daily_loss_limit_usd="2"), falling)

    sides = [(each.terms.side, each.outcome.partition(":")[0]) for each in found.opportunities]
    assert sides == [("buy", "filled"), ("sell", "filled")]
    # The breaker tripped while the rule was cooling down, as it does live.
    assert found.not_fired["dip"]["TRADING_HALTED"] > 200


def test_what_was_bought_can_be_sold_by_a_rule_about_it(tmp_path: Path) -> None:
    gain = {
        "id": "gain",
        "type": "position_gain_pct",
        "symbol": "SPY",
        "threshold_pct": 1,
        "cooldown_seconds": 86_400,
        "question_template": "{{symbol}}?",
        "on_answer_match": {"action": "propose_order", "side": "sell", "qty": 1},
    }
    buy_one = DIP | {
        "cooldown_seconds": 86_400,
        "on_answer_match": {"action": "propose_order", "side": "buy", "qty": 1},
    }

    found = played(tmp_path, config_of(buy_one, gain), {0: "500", 10: "490", 60: "497"})

    assert [each.rule.id for each in found.opportunities] == ["dip", "gain"]
    assert orders(found) == [("filled", None)] * 2
    assert found.not_fired["gain"]["no_position"] > 300


def test_who_is_not_asked_orders_at_once(tmp_path: Path) -> None:
    config = config_of(require_question_before_order=False, max_orders_per_day=1)

    found = played(tmp_path, config, DOWN)

    (each,) = found.opportunities
    assert each.order
    assert each.order.order.created_at == each.fired_at


def test_a_yes_after_the_questions_end_is_none(tmp_path: Path) -> None:
    hasty = DIP | {"question_ttl_seconds": 30, "cooldown_seconds": 86_400}

    found = played(tmp_path, config_of(hasty), DOWN)

    assert [each.outcome for each in found.opportunities] == ["no yes in time"]


def failing(monkeypatch: pytest.MonkeyPatch, times: int, delay: int = 0) -> None:
    """Let the simulator of the next replay take orders and reject them, `delay` seconds later."""

    def simulator(*args: Any, **more: Any) -> SimulatedBroker:
        broker = SimulatedBroker(*args, **more)
        broker.faults.add("reject_late", times=times, delay=delay)
        return broker

    monkeypatch.setattr(session, "SimulatedBroker", simulator)


def test_what_an_open_order_sells_is_not_sold_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*args: Any, **more: Any) -> SimulatedBroker:
        broker = SimulatedBroker(*args, **more)
        broker.switches.fill_delay_seconds = 600
        return broker

    monkeypatch.setattr(session, "SimulatedBroker", slow)
    once = DIP | {"cooldown_seconds": 86_400}
    sale = {"action": "propose_order", "side": "sell", "qty": 1}
    out = once | {"id": "out", "threshold_pct": -5, "on_answer_match": sale}
    later = out | {"id": "later", "threshold_pct": -8}

    found = played(
        tmp_path, config_of(once, out, later), {0: "500", 10: "490", 60: "470", 63: "455"}
    )

    assert [each.rule.id for each in found.opportunities] == ["dip", "out"]
    assert orders(found) == [("filled", None)] * 2
    assert found.not_fired["later"]["NOT_HELD"] > 0


def test_an_order_that_failed_is_asked_about_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, times=1)

    found = played(tmp_path, config_of(DIP | {"cooldown_seconds": 86_400}), DOWN)

    statuses = [each["status"] for each in found.to_json()["orders"]]
    assert statuses == ["rejected", "filled"]
    assert len(found.to_json()["opportunities"]) == 1
    assert [line[:10] for line in history.lines(found)][:2] == ["09:41 dip:", "09:42 dip:"]


def test_nothing_is_asked_again_while_another_question_of_the_rule_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, times=1)

    found = played(tmp_path, config_of(max_orders_per_day=2), DOWN)

    assert asked_at(found) == ["09:41", "09:42", "09:43"]
    assert orders(found)[:2] == [("rejected", None), ("filled", None)]
    assert found.opportunities[0].follow_up is None


@pytest.mark.parametrize(
    ("times", "rule", "guardrails", "orders"),
    [
        (2, {}, {}, 2),  # not a third time
        (1, {"ask_again_on_failure": False}, {}, 1),
        (1, {}, {"require_question_before_order": False}, 1),
    ],
)
def test_nobody_is_asked_again_where_live_asks_nobody(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    times: int,
    rule: dict[str, Any],
    guardrails: dict[str, Any],
    orders: int,
) -> None:
    failing(monkeypatch, times)
    config = config_of(DIP | {"cooldown_seconds": 86_400} | rule, **guardrails)

    found = played(tmp_path, config, DOWN)

    assert [each["status"] for each in found.to_json()["orders"]] == ["rejected"] * orders


def test_a_servers_ceiling_counts_and_a_live_config_can_be_tried(tmp_path: Path) -> None:
    limits = replace(default_limits(), max_order_notional_usd=Decimal(39))
    config = TradingConfig.from_document(
        merge(config_of().model_dump(mode="json"), {"mode": "live"})
    )
    day = Recording.read([write_bars(tmp_path / "9.csv.gz", MONDAY, {0: "500"}),
                          write_bars(tmp_path / "10.csv.gz", TUESDAY, DOWN)])  # fmt: skip

    found = session.replay(config, day, limits, Narrator(as_json=True))

    assert found.opportunities == []
    assert set(found.not_fired["dip"]) == {"not_met", "market_closed", "MAX_ORDER_NOTIONAL"}


@pytest.fixture(scope="module")
def the_sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sequence[Path], History]:
    folder = tmp_path_factory.mktemp("sample")
    paths = sample.write(folder)
    config = TradingConfig.from_document(parse_json((folder / sample.CONFIG_FILE).read_bytes()))
    found = session.replay(config, Recording.read(paths), default_limits(), Narrator(as_json=True))
    return paths, found


def test_the_sample_is_the_same_everywhere_and_shows_the_caps(
    the_sample: tuple[Sequence[Path], History], tmp_path: Path
) -> None:
    paths, found = the_sample

    again = sample.write(tmp_path)
    assert [each.read_bytes() for each in paths] == [each.read_bytes() for each in again]
    assert [f"{each.fired.symbol} {each.outcome}" for each in found.opportunities] == [
        "AAPL filled: 0.180107163 at $222.09",
        "AAPL filled: 0.181118406 at $220.85",
    ]
    assert found.not_fired["dip"]["MAX_NOTIONAL_PER_WINDOW"] == 320


def test_its_chart_marks_where_rules_fired(the_sample: tuple[Sequence[Path], History]) -> None:
    _, found = the_sample

    aapl, levels, marks, *others = sparkline.charts(found)

    assert aapl == "AAPL, $219.81 to $225.5"
    assert (len(levels), set(levels) >= {"▁", "█"}) == (sparkline.WIDTH, True)
    minutes = [each.fired.as_of - found.session.open for each in found.opportunities]
    columns = [int(each / timedelta(minutes=390) * sparkline.WIDTH) for each in minutes]
    assert [n for n, mark in enumerate(marks) if mark == "▲"] == columns
    assert len(others) == 4  # two symbols on which nothing fired have no marks


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["replay", *arguments])


def test_the_command_writes_the_sample_and_replays_it(tmp_path: Path) -> None:
    written = run("--sample", str(tmp_path)).stdout.split()

    monday, tuesday, config = written
    done = run("--config", config, "--bars", monday, "--bars", tuesday,
               "--json", "--plot", str(tmp_path / "day.svg"))  # fmt: skip
    found = json.loads(done.stdout)
    assert [order["status"] for order in found["orders"]] == ["filled", "filled"]
    assert found["silent"]["dip"]["MAX_NOTIONAL_PER_WINDOW"] == 320
    assert "<svg" in (tmp_path / "day.svg").read_text()


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        ("SPY,2026-02-10T15:00:00Z,1,1,1,x,1,,,,", "line 2, column close: not a number: 'x'"),
        ("SPY,2026-02-10T15:00:30Z,1,1,1,1,1,,,,", "line 2, column timestamp: not the opening"),
        ("SPY,2026-02-10T15:00:00Z,1,1,1,1,,,,,", "line 2, column volume: not a whole number"),
    ],
)
def test_a_bad_recording_is_one_line_with_line_and_field(
    tmp_path: Path, cells: str, place: str
) -> None:
    bars, config = tmp_path / "bars.csv", tmp_path / "config.json"
    bars.write_text(",".join(COLUMNS) + f"\n{cells}\n")
    config.write_text(json.dumps(sample.CONFIG))

    done = run("--config", str(config), "--bars", str(bars))

    assert isinstance(done.exception, BadRecordingError)
    assert place in str(done.exception)


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("{", "not JSON"),
        ('{"version": 1, "surprise": 2}', "surprise"),
        (json.dumps(sample.CONFIG).replace("dip", "DIP!"), "rules[0].id"),
    ],
)
def test_a_bad_config_names_its_field(tmp_path: Path, document: str, place: str) -> None:
    monday, *_ = sample.write(tmp_path)
    config = tmp_path / "mine.json"
    config.write_text(document)

    done = run("--config", str(config), "--bars", str(monday))

    assert isinstance(done.exception, MalformedMessageError)
    assert place in str(done.exception)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--plot", "day.pdf"), "must end with .png or .svg"),
        (("--config", __file__), "--config and --bars go together"),
        (("--bars", __file__), "--config and --bars go together"),
    ],
)
def test_wrong_options_are_explained(options: tuple[str, ...], complaint: str) -> None:
    done = run(*options)

    assert done.exit_code == 2
    assert complaint in done.stderr


def test_the_format_is_documented() -> None:
    page = (ROOT / "docs/reference/recordings.md").read_text()

    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(COLUMNS)
