from datetime import date, datetime, timedelta

import pytest

from common.market import NEW_YORK, Session
from infra.postgres.database import Database
from infra.postgres.market import sessions
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, enroll
from tests.functions.ingest.test_ingest_inputs import asked, crypto, ingest, stocks

__all__ = ["asked"]

pytestmark = pytest.mark.usefixtures("environment")

CALENDAR = "/v2/calendar"


def new_york(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=NEW_YORK)  # type: ignore[misc, arg-type]


def today(db: Database, now: datetime) -> Session | None:
    with db.transaction() as tx:
        return sessions.today(tx, now)


def test_the_calendar_is_fetched_once_per_trading_day(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    enroll(db, "a")
    counts = []

    for moment in (
        new_york(2026, 2, 10, 13),
        new_york(2026, 2, 11, 0, 1),
        new_york(2026, 2, 11, 9),
    ):
        ingest()
        counts.append(asked.count(CALENDAR))
        simulator.clock.set(moment)

    assert counts == [1, 1, 2]


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        (new_york(2026, 2, 10, 9, 30), new_york(2026, 2, 10, 16)),
        (new_york(2026, 7, 1, 9, 30), new_york(2026, 7, 1, 16)),
        (new_york(2026, 11, 27, 9, 30), new_york(2026, 11, 27, 13)),
    ],
    ids=["winter", "summer", "half day"],
)
def test_the_session_is_the_exchange_s_whatever_the_season(
    db: Database, simulator: SimulatedBroker, opening: datetime, closing: datetime
) -> None:
    simulator.clock.reset(opening)
    enroll(db, "a")

    ingest()

    assert today(db, opening) == Session(opening, closing)


def test_on_a_holiday_there_is_no_session_and_no_request_for_stocks(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    holiday = new_york(2026, 11, 26, 11)
    simulator.clock.reset(holiday)
    enroll(db, "a", data_inputs=[stocks("AAPL", extended_hours=True)])

    assert ingest() == {"inputs": 0, "facts": 0, "stored": 0}
    assert today(db, holiday) is None
    assert [path for path in asked if path != "/sim/clock"] == [CALENDAR]
    with db.transaction() as tx:
        day = sessions.day(tx, holiday)
    assert day is not None
    assert (day.date, day.regular) == (date(2026, 11, 26), None)


def test_stocks_are_fetched_in_their_session_and_once_more_after_it(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, "a")
    counts = {}

    for hour, minute in ((9, 29), (9, 30), (15, 59), (16, 0), (16, 1), (16, 5), (20, 0)):
        simulator.clock.reset(new_york(2026, 2, 11, hour, minute))
        counts[hour, minute] = ingest()["inputs"]

    fetched = [moment for moment, count in counts.items() if count]
    assert fetched == [(9, 30), (15, 59), (16, 0), (16, 1)]


def test_extended_hours_are_fetched_when_asked_for_and_crypto_always(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, "a", data_inputs=[stocks("AAPL", extended_hours=True), crypto("BTC/USD")])
    counts = []

    for day, hour in ((11, 3), (11, 4), (11, 10), (11, 19), (11, 21), (14, 12)):
        simulator.clock.reset(new_york(2026, 2, day, hour))
        counts.append(ingest()["inputs"])

    assert counts == [1, 2, 3, 2, 1, 1]


def test_on_a_closed_day_a_coin_is_fetched_and_the_stock_beside_it_is_not(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    simulator.clock.reset(new_york(2026, 2, 14, 12))
    enroll(db, "a", data_inputs=[stocks("AAPL"), crypto("BTC/USD")])

    assert ingest()["inputs"] == 1

    fetched = [path for path in asked if path.endswith("snapshots")]
    assert fetched == ["/v1beta3/crypto/us/snapshots"]


def test_without_a_calendar_prices_are_stored_but_nobody_takes_the_market_for_open(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.faults.add("status", status=500, times=3, path=CALENDAR)
    enroll(db, "a")

    answer = ingest()

    assert answer["stored"] == 9
    assert [each["symbol"] for each in answer["problems"]] == ["calendar"]
    assert today(db, NOON) is None
    with db.transaction() as tx:
        assert sessions.day(tx, NOON) is None


def test_yesterday_s_calendar_serves_while_today_s_cannot_be_fetched(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, "a")
    ingest()
    tomorrow = NOON + timedelta(days=1)
    simulator.clock.set(tomorrow)
    simulator.faults.add("status", status=500, times=3, path=CALENDAR)

    answer = ingest()

    assert [each["symbol"] for each in answer["problems"]] == ["calendar"]
    assert today(db, tomorrow) == Session(new_york(2026, 2, 11, 9, 30), new_york(2026, 2, 11, 16))


def test_a_bad_row_of_the_calendar_leaves_the_other_days_known(
    db: Database, simulator: SimulatedBroker
) -> None:
    hours = {"open": "09:30", "close": "16:00", "session_open": "0400", "session_close": "2000"}
    body = [{"date": "2026-02-10", **hours}, {"date": "2026-02-11", **hours, "open": None}]
    simulator.faults.add("status", status=200, body=body, path=CALENDAR)
    enroll(db, "a")

    answer = ingest()

    assert [each["symbol"] for each in answer["problems"]] == ["calendar"]
    assert today(db, NOON) == Session(new_york(2026, 2, 10, 9, 30), new_york(2026, 2, 10, 16))
    with db.transaction() as tx:
        assert sessions.day(tx, NOON + timedelta(days=1)) is None


@pytest.mark.parametrize("body", [[], {}, [{"date": "2026-02-10"}], [{"date": 1, "open": "x"}]])
def test_a_calendar_that_cannot_be_right_is_unknown(
    db: Database, simulator: SimulatedBroker, body: object
) -> None:
    simulator.faults.add("status", status=200, body=body, path=CALENDAR)
    enroll(db, "a")

    answer = ingest()

    assert [each["symbol"] for each in answer["problems"]] == ["calendar"]
    assert today(db, NOON) is None
