from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.config import TradingConfig, merge, with_default_feed
from common.errors import MalformedMessageError
from common.market import NEW_YORK, Session, next_trading_day_start
from common.model import content_hash
from tests.unit.samples import NOON, config, document


def changed(path: str, value: Any) -> dict[str, Any]:
    """The sample document with one value replaced; `path` as in `rules.0.symbol`."""
    whole = document()
    *parents, last = path.split(".")
    at: Any = whole
    for key in parents:
        at = at[int(key) if key.isdigit() else key]
    at[int(last) if last.isdigit() else last] = value
    return whole


def test_the_documents_defaults_are_the_designs() -> None:
    rule = config().rules[0]

    assert (rule.cooldown_seconds, rule.question_ttl_seconds) == (3600, 900)
    assert rule.max_price_drift_pct == Decimal(1)
    assert config().max_staleness == timedelta(minutes=3)


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("version", 2, "version"),
        ("nonsense", 1, "nonsense"),
        ("mode", "LIVE", "mode"),
        ("data_inputs", [], "data_inputs"),
        ("data_inputs.0.symbols", ["brk b"], "data_inputs[0].symbols[0]"),
        ("data_inputs.0.poll_interval_seconds", 5, "data_inputs[0].poll_interval_seconds"),
        ("data_inputs.0.extra", 1, "data_inputs[0].extra"),
        ("rules.0.type", "price_above_the_moon", "rules[0].type"),
        ("rules.0.threshold_pct", 1, "rules[0].threshold_pct"),
        ("rules.0.threshold_pct", "abc", "rules[0].threshold_pct"),
        ("rules.0.threshold_pct", -1.5, "rules[0].threshold_pct"),
        ("rules.0.threshold_pct", True, "rules[0].threshold_pct"),
        ("rules.0.question_template", "{{moon}}?", "rules[0].question_template"),
        ("rules.0.symbol", "TSLA", "rules[0]"),
        ("data_inputs.0.metrics", ["last_trade"], "rules[0]"),
        ("rules.0.on_answer_match.notional_usd", Decimal("0.5"), "rules[0].on_answer_match"),
        ("rules.0.on_answer_match.notional_usd", Decimal("10.001"), "rules[0].on_answer_match"),
        ("guardrails.require_question_before_order", "no", "guardrails.require_question"),
        ("guardrails.max_orders_per_day", -1, "guardrails.max_orders_per_day"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(path: str, value: object, where: str) -> None:
    with pytest.raises(MalformedMessageError) as refused:
        TradingConfig.from_document(changed(path, value))

    assert where in str(refused.value)


def test_an_unknown_template_variable_is_answered_with_those_that_exist() -> None:
    with pytest.raises(MalformedMessageError, match="notional, pct, price, qty, ref, size, symbol"):
        TradingConfig.from_document(changed("rules.0.question_template", "{{moon}}?"))


@pytest.mark.parametrize("key", ["data_inputs", "rules"])
def test_an_id_used_twice_is_refused(key: str) -> None:
    whole = document()
    whole[key] = whole[key] * 2

    with pytest.raises(MalformedMessageError, match="used twice"):
        TradingConfig.from_document(whole)


def test_merge_goes_by_key_and_by_id_and_replaces_other_lists() -> None:
    template = {"a": {"x": 1, "y": 2}, "rules": [{"id": "r", "t": 1, "k": 1}], "list": [1, 2]}
    override = {"a": {"y": 3}, "rules": [{"id": "r", "t": 2}, {"id": "s"}], "list": [9]}

    merged = merge(template, override)

    assert merged == {
        "a": {"x": 1, "y": 3},
        "rules": [{"id": "r", "t": 2, "k": 1}, {"id": "s"}],
        "list": [9],
    }


def test_merging_nothing_changes_nothing() -> None:
    assert merge(document(), {}) == document()
    assert merge({}, document()) == document()


def test_the_hash_names_the_content_and_not_the_spelling() -> None:
    spelled = dict(reversed(document().items())) | {"max_staleness_seconds": 180}

    assert TradingConfig.from_document(spelled).hash == config().hash
    assert config(max_staleness_seconds=60).hash != config().hash


def test_inputs_are_shared_whatever_their_owner_calls_them() -> None:
    renamed = TradingConfig.from_document(changed("data_inputs.0.id", "mine"))

    assert renamed.data_inputs[0].key == config().data_inputs[0].key


def test_a_feed_is_found_only_where_all_metrics_are_fetched() -> None:
    assert config().feed_of("SPY") == "iex"
    assert config().feed_of("SPY", frozenset({"prev_close"})) == "iex"
    assert config().feed_of("TSLA") is None


@pytest.mark.parametrize(
    ("seconds_ago", "due"), [(0, False), (29, False), (31, True), (60, True), (89, True)]
)
def test_an_input_is_due_once_a_minute_whatever_the_schedulers_jitter(
    seconds_ago: int,
    due: bool,  # noqa: FBT001
) -> None:
    last_fetch = NOON - timedelta(seconds=seconds_ago)

    assert config().data_inputs[0].is_due(last_fetch, NOON) is due


def test_an_input_that_was_never_fetched_is_due() -> None:
    assert config().data_inputs[0].is_due(None, NOON)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_document_ever_raises_anything_but_our_error(anything: Any) -> None:
    try:
        TradingConfig.from_document(anything)
    except MalformedMessageError:
        return
    raise AssertionError("a random document cannot be a valid config")


def test_content_hash_is_independent_of_key_order() -> None:
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})


def test_what_the_rules_look_at_is_summed_over_all_of_them() -> None:
    more = document()["rules"] + [
        {
            "id": "cross",
            "type": "price_crosses_level",
            "symbol": "SPY",
            "level": 500,
            "direction": "down",
            "question_template": "?",
            "on_answer_match": {"action": "close_position"},
        }
    ]

    needs = config(rules=more).needs()

    assert needs["SPY", "prev_close", "iex"] == 1
    assert needs["SPY", "last_trade", "iex"] >= 2
    assert {symbol for symbol, _, _ in needs} == {"SPY"}
    assert config().model_copy(update={"data_inputs": ()}).needs() == {}


def test_crypto_comes_from_its_own_feed_and_never_closes() -> None:
    coins = {"id": "coins", "source": "alpaca", "asset_class": "crypto", "symbols": ["BTC/USD"]}
    mixed = config(data_inputs=[*document()["data_inputs"], coins])

    assert (mixed.feed_of("BTC/USD"), mixed.asset_class_of("BTC/USD")) == ("us", "crypto")
    assert mixed.trades_at("BTC/USD", NOON, None)
    assert not mixed.trades_at("SPY", NOON, None)


def test_stocks_trade_in_their_session_or_when_asked_outside_of_it() -> None:
    session = Session(NOON, NOON + timedelta(hours=1))
    extended = changed("data_inputs.0.extended_hours", True)

    assert config().trades_at("SPY", NOON, session)
    assert not config().trades_at("SPY", NOON + timedelta(hours=1), session)
    assert TradingConfig.from_document(extended).trades_at("SPY", NOON, None)


def test_a_breaker_lasts_until_the_next_midnight_in_new_york() -> None:
    before_the_clocks_change = datetime(2026, 3, 7, 23, 0, tzinfo=NEW_YORK)

    assert (
        next_trading_day_start(before_the_clocks_change).isoformat() == "2026-03-08T00:00:00-05:00"
    )


def test_a_rule_is_found_by_its_id_unless_it_is_switched_off() -> None:
    found = config()
    rule = found.rules[0]
    off = found.model_copy(update={"rules": (rule.model_copy(update={"enabled": False}),)})

    assert found.rule(rule.id) is rule
    assert found.rule("another") is None
    assert off.rule(rule.id) is None


def test_only_stock_inputs_that_name_no_feed_get_the_default() -> None:
    stock = {"asset_class": "us_equity", "symbols": ["SPY"]}
    coins = {"asset_class": "crypto", "symbols": ["BTC/USD"]}

    given = {"version": 1, "data_inputs": [stock, stock | {"feed": "iex"}, coins, "SPY"]}

    assert with_default_feed(given, "sip") == {
        "version": 1,
        "data_inputs": [stock | {"feed": "sip"}, stock | {"feed": "iex"}, coins, "SPY"],
    }


@pytest.mark.parametrize("document", [[], None, {}, {"data_inputs": None}])
def test_what_has_no_inputs_gets_no_feed(document: object) -> None:
    assert with_default_feed(document, "sip") == document
