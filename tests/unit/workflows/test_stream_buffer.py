from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from common.market import Metric, Snapshot
from infra.workflows.stream.buffer import StreamBuffer

NOON = datetime(2026, 10, 8, 16, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def fact(
    price: int, at: datetime = NOON, symbol: str = "AAPL", metric: Metric = "last_trade"
) -> Snapshot:
    return Snapshot(symbol, "us_equity", "iex", metric, Decimal(price), None, at, {})


def prices(facts: list[Snapshot]) -> list[int]:
    return [int(each.price) for each in facts]


def test_a_symbol_s_newest_trade_is_stored_once_a_second() -> None:
    buffer = StreamBuffer()
    buffer.add([fact(1), fact(2)])
    assert prices(buffer.take(NOON)) == [2]
    buffer.add([fact(3), fact(9, symbol="SPY")])

    assert prices(buffer.take(NOON + SECOND / 2)) == [9]
    buffer.add([fact(4, NOON + SECOND)])
    assert prices(buffer.take(NOON + SECOND)) == [4]
    assert buffer.take(NOON + 2 * SECOND) == []


def test_an_older_trade_never_takes_the_place_of_a_newer_one() -> None:
    buffer = StreamBuffer()

    buffer.add([fact(2, NOON), fact(1, NOON - SECOND)])

    assert prices(buffer.take(NOON)) == [2]


def test_what_could_not_be_stored_waits_again_behind_what_came_since() -> None:
    buffer = StreamBuffer()
    buffer.add([fact(1), fact(5, metric="minute_bar")])
    taken = buffer.take(NOON)
    buffer.add([fact(2, NOON + SECOND)])

    buffer.add(taken)

    assert prices(buffer.take(NOON + SECOND)) == [5, 2]


def test_at_the_end_everything_is_taken() -> None:
    buffer = StreamBuffer()
    buffer.add([fact(1)])
    buffer.take(NOON)
    buffer.add([fact(2)])

    assert prices(buffer.take(NOON, all_of_them=True)) == [2]


def test_the_oldest_minutes_give_way() -> None:
    buffer = StreamBuffer(most_minutes=2)

    buffer.add(fact(n, NOON + timedelta(minutes=n), metric="minute_bar") for n in (1, 2, 3, 4))

    assert prices(buffer.take(NOON)) == [3, 4]
    assert buffer.counts.dropped == 2


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 99)), max_size=50))
def test_whatever_comes_few_wait_and_the_newest_is_among_them(
    trades: list[tuple[str, int]],
) -> None:
    buffer = StreamBuffer()
    for symbol, second in trades:
        buffer.add([fact(second + 1, NOON + second * SECOND, symbol)])
        assert len(buffer) <= 3

    newest = {symbol: max(s for name, s in trades if name == symbol) for symbol, _ in trades}
    taken = {each.symbol: each.as_of for each in buffer.take(NOON)}
    assert taken == {symbol: NOON + second * SECOND for symbol, second in newest.items()}


def test_what_is_put_back_replaces_nothing_that_came_meanwhile() -> None:
    buffer = StreamBuffer()
    minute = fact(1, metric="minute_bar")
    buffer.add([fact(2, NOON + SECOND), minute])
    taken = buffer.take(NOON)
    corrected = fact(9, metric="minute_bar")
    buffer.add([fact(3, NOON + 2 * SECOND), corrected])

    buffer.put_back(taken)

    assert buffer.take(NOON, all_of_them=True) == [corrected, fact(3, NOON + 2 * SECOND)]


def test_what_is_put_back_is_kept_where_only_older_facts_came_meanwhile() -> None:
    buffer = StreamBuffer()
    buffer.add([fact(2, NOON + SECOND), fact(1, metric="minute_bar")])
    taken = buffer.take(NOON)
    buffer.add([fact(1, NOON)])

    buffer.put_back(taken)

    assert sorted(prices(buffer.take(NOON, all_of_them=True))) == [1, 2]


def test_each_metric_of_a_symbol_waits_for_itself() -> None:
    buffer = StreamBuffer()
    buffer.add([fact(1), fact(2, metric="day_high"), fact(3, metric="day_low")])

    assert sorted(prices(buffer.take(NOON))) == [1, 2, 3]
