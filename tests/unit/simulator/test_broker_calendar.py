"""Sessions, holidays and short days; instants and their text."""

from datetime import UTC, date, datetime

import pytest

from infra.simulator.market import calendar
from infra.simulator.market.timestamps import NEW_YORK, parse, rfc3339


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("holiday", ["2026-07-03", "2026-11-26", "2012-10-29", "2025-01-09"])
def test_exchange_rests_on_holidays_and_days_of_mourning(holiday: str) -> None:
    assert calendar.nyse().on(date.fromisoformat(holiday)) is None


@pytest.mark.parametrize("short_day", ["2013-07-03", "2015-12-24", "2026-11-27"])
def test_short_day_closes_at_one(short_day: str) -> None:
    session = calendar.nyse().on(date.fromisoformat(short_day))

    assert session
    assert session.close.astimezone(NEW_YORK).hour == 13
    assert session.extended_close.astimezone(NEW_YORK).hour == 17


def test_opening_keeps_its_wall_time_over_both_switches_of_daylight_saving() -> None:
    exchange = calendar.nyse()

    march = [s.open for s in exchange.between(date(2026, 3, 6), date(2026, 3, 9))]
    november = [s.open for s in exchange.between(date(2026, 10, 30), date(2026, 11, 2))]

    assert march == [at("2026-03-06T14:30:00"), at("2026-03-09T13:30:00")]
    assert november == [at("2026-10-30T13:30:00"), at("2026-11-02T14:30:00")]


def test_neighbours_of_a_weekend() -> None:
    exchange = calendar.nyse()
    saturday = at("2026-10-10T12:00:00")

    assert exchange.at(saturday) is None
    assert exchange.next_opening(saturday).date == date(2026, 10, 12)
    assert exchange.next_closing(saturday).date == date(2026, 10, 12)
    assert exchange.last_closed(saturday).date == date(2026, 10, 9)
    assert exchange.before(date(2026, 10, 12)).date == date(2026, 10, 9)


def test_extended_hours_lie_around_the_session() -> None:
    exchange = calendar.nyse()

    assert exchange.at(at("2026-10-08T22:00:00")) is None
    assert exchange.at(at("2026-10-08T22:00:00"), extended=True) is not None
    assert exchange.at(at("2026-10-09T00:00:00"), extended=True) is None


@pytest.mark.parametrize(
    "text",
    [
        "2013-10-08T18:08:59.999999999Z",
        "2026-10-08T14:30:05.10423387Z",
        "2026-10-08T14:30:05.1Z",
        "2026-10-08T14:30:00Z",
    ],
)
def test_text_of_an_instant_drops_zeros_only(text: str) -> None:
    assert rfc3339(parse(text)) == text


def test_text_of_an_instant_in_new_york() -> None:
    assert rfc3339(parse("2026-01-08T14:30:00.5Z"), NEW_YORK) == "2026-01-08T09:30:00.5-05:00"


def test_date_alone_is_midnight_in_new_york() -> None:
    assert parse("2026-10-08") == parse("2026-10-08T04:00:00+00:00")


@pytest.mark.parametrize("text", ["", "now", "2026-13-01", "2026-10-08T25:00Z", "1760000000"])
def test_other_texts_are_no_instants(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (any of the parser's own)
        parse(text)
