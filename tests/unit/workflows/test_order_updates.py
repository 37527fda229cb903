from datetime import UTC, datetime

import pytest

from common.orders.broker_order import BrokerOrder
from infra.alpaca.stream.order_updates import OrderUpdate
from infra.runtime.stream_settings import STREAM_URL, order_stream_url
from infra.workflows.stream.order_updates import OrderUpdates

NOON = datetime(2026, 10, 8, 16, tzinfo=UTC)


def update(execution_id: str | None) -> OrderUpdate:
    return OrderUpdate(BrokerOrder.model_validate({"id": "1"}), execution_id, NOON)


def updates(woken: list[None], most: int = 3) -> OrderUpdates:
    return OrderUpdates(lambda: woken.append(None), most)


def test_each_update_wakes_who_records_it_and_is_taken_once() -> None:
    woken: list[None] = []
    waiting = updates(woken)
    waiting.updated(update("a"))
    waiting.updated(update("b"))

    taken, has_missed = waiting.take()

    assert [each.execution_id for each in taken] == ["a", "b"]
    assert (len(woken), has_missed, waiting.take()) == (2, False, ([], False))


def test_an_execution_that_comes_again_counts_once_also_when_it_was_taken() -> None:
    waiting = updates([])
    waiting.updated(update("a"))
    waiting.updated(update("a"))
    assert len(waiting.take()[0]) == 1
    waiting.updated(update("a"))

    assert waiting.take() == ([], False)


def test_what_the_broker_does_not_name_is_kept_each_time() -> None:
    waiting = updates([])
    waiting.updated(update(None))
    waiting.updated(update(None))

    assert len(waiting) == 2


def test_more_than_it_holds_is_missed_and_not_kept_in_memory() -> None:
    waiting = updates([], most=3)
    for number in range(4):
        waiting.updated(update(str(number)))

    assert waiting.take() == ([], True)


def test_what_came_before_it_listened_is_missed() -> None:
    waiting = updates([])
    waiting.listening()
    assert (waiting.is_listening, waiting.take()) == (True, ([], True))

    waiting.interrupted("broken")

    assert (waiting.is_listening, waiting.take()) == (False, ([], False))


@pytest.mark.parametrize(
    ("trading", "stream", "url"),
    [
        ("https://paper-api.alpaca.markets", STREAM_URL, "wss://paper-api.alpaca.markets/stream"),
        ("https://api.alpaca.markets", STREAM_URL, "wss://api.alpaca.markets/stream"),
        ("http://127.0.0.1:80", "ws://127.0.0.1:81", "ws://127.0.0.1:81/stream"),
        ("https://api.alpaca.markets", "ws://127.0.0.1:81", "wss://api.alpaca.markets/stream"),
    ],
)
def test_order_updates_come_from_where_orders_go(trading: str, stream: str, url: str) -> None:
    assert order_stream_url(trading, stream) == url


def test_a_simulators_orders_are_not_looked_for_at_the_broker() -> None:
    with pytest.raises(ValueError, match="on this machine"):
        order_stream_url("http://127.0.0.1:80", STREAM_URL)
