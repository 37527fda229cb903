"""Schedules are validated when they are read, and due at the right instant in their own zone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from common.market import trading_day
from infra.runtime.schedules import Retry, ScheduledJob, ScheduleError, due, load_schedules

ENTRY: dict[str, Any] = {
    "name": "push-snapshot-0900",
    "function": "push_snapshot",
    "schedule": "0 9 * * 1-5",
    "time_zone": "America/New_York",
    "attempt_deadline_seconds": 60,
}


def schedule(**changes: object) -> ScheduledJob:
    return ScheduledJob.model_validate(ENTRY | changes)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def instants(one: ScheduledJob, after: str, until: str) -> list[datetime]:
    return [instant for instant, _ in due([one], utc(after), utc(until))]


def test_the_file_holds_every_scheduled_function() -> None:
    schedules = load_schedules()

    assert {(one.name, one.function, one.schedule, one.time_zone) for one in schedules} == {
        ("ingest", "ingest", "* * * * *", "Etc/UTC"),
        ("reconcile-orders", "reconcile_orders", "* * * * *", "Etc/UTC"),
        ("relay-outbox", "relay_outbox", "* * * * *", "Etc/UTC"),
        ("push-snapshot-0900", "push_snapshot", "0 9 * * 1-5", "America/New_York"),
        ("push-snapshot-1230", "push_snapshot", "30 12 * * 1-5", "America/New_York"),
        ("push-snapshot-1630", "push_snapshot", "30 16 * * 1-5", "America/New_York"),
        ("push-snapshot-2330", "push_snapshot", "30 23 * * 1-5", "America/New_York"),
    }


def test_a_week_pushes_four_snapshots_on_each_weekday_at_new_york_times() -> None:
    pushes = [one for one in load_schedules() if one.function == "push_snapshot"]

    jobs = due(pushes, utc("2026-07-05 00:00"), utc("2026-07-12 00:00"))

    assert len(jobs) == 20
    assert [f"{instant:%a %H:%M}" for instant, _ in jobs[:5]] == [
        "Mon 13:00",
        "Mon 16:30",
        "Mon 20:30",
        "Tue 03:30",
        "Tue 13:00",
    ]


@pytest.mark.parametrize("day", ["2026-01-15", "2026-03-06", "2026-07-15", "2026-10-30"])
def test_the_last_push_of_a_day_finds_the_utc_day_over_and_the_trading_day_not(day: str) -> None:
    pushes = [one for one in load_schedules() if one.function == "push_snapshot"]

    instant, last = due(pushes, utc(f"{day} 12:00"), utc(day) + timedelta(days=1, hours=12))[-1]
    attempts = (last.retry.count + 1) * last.attempt_deadline_seconds
    given_up = instant + timedelta(seconds=attempts + sum(last.retry.waits_seconds()))

    assert instant > utc(day) + timedelta(days=1)
    assert str(trading_day(given_up)) == day


@pytest.mark.parametrize(
    ("switch", "before", "after"),
    [("2026-03-08", "14:00", "13:00"), ("2026-11-01", "13:00", "14:00")],
)
def test_nine_in_new_york_stays_nine_over_a_dst_switch(
    switch: str, before: str, after: str
) -> None:
    friday, monday = utc(switch) - timedelta(days=2), utc(switch) + timedelta(days=1)

    jobs = due([schedule()], friday, monday + timedelta(days=1))

    assert [instant for instant, _ in jobs] == [
        datetime.fromisoformat(f"{friday:%Y-%m-%d} {before}+00:00"),
        datetime.fromisoformat(f"{monday:%Y-%m-%d} {after}+00:00"),
    ]


@pytest.mark.parametrize("switch", ["2026-03-08", "2026-11-01"])
def test_each_minute_of_a_dst_switch_is_due_once(switch: str) -> None:
    each_minute = schedule(schedule="* * * * *")
    end = utc(switch) + timedelta(days=1)

    found = [instant for instant, _ in due([each_minute], utc(switch), end)]

    assert found == [utc(switch) + timedelta(minutes=minute) for minute in range(1, 1441)]


def test_a_time_that_spring_skips_is_due_when_the_clocks_have_jumped() -> None:
    skipped = schedule(schedule="30 2 * * *")

    found = instants(skipped, "2026-03-08 00:00", "2026-03-09 00:00")

    assert found == [utc("2026-03-08 07:00")]


def test_a_time_that_autumn_repeats_is_due_once_wherever_one_looks_from() -> None:
    repeated = schedule(schedule="30 1 * * *")

    whole = instants(repeated, "2026-11-01 00:00", "2026-11-02 00:00")
    second_pass = instants(repeated, "2026-11-01 06:10", "2026-11-02 00:00")

    assert whole == [utc("2026-11-01 05:30")]
    assert second_pass == []


def test_the_first_instant_is_excluded_and_the_last_included() -> None:
    each_minute = schedule(schedule="* * * * *")

    found = instants(each_minute, "2026-07-06 13:00", "2026-07-06 13:02")

    assert found == [utc("2026-07-06 13:01"), utc("2026-07-06 13:02")]


@given(
    begin=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    steps=st.lists(st.timedeltas(timedelta(0), timedelta(hours=9)), max_size=8),
)
def test_nothing_is_lost_or_doubled_however_time_is_cut(
    begin: datetime, steps: list[timedelta]
) -> None:
    jobs = [schedule(schedule="*/20 * * * *"), schedule(name="night", schedule="30 1,2 * * *")]
    end = begin + sum(steps, timedelta(0))

    piecewise = []
    reached = begin
    for step in steps:
        piecewise += due(jobs, reached, reached + step)
        reached += step

    assert piecewise == due(jobs, begin, end)


def test_jobs_of_one_minute_keep_the_order_of_the_file() -> None:
    jobs = due(load_schedules(), utc("2026-07-06 12:59"), utc("2026-07-06 13:00"))

    assert [one.name for _, one in jobs] == [
        "ingest",
        "reconcile-orders",
        "relay-outbox",
        "push-snapshot-0900",
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schedule": "61 * * * *"}, "schedule: .*not a cron expression"),
        ({"schedule": "0 0 9 * * 1-5"}, "schedule: .*five fields"),
        ({"time_zone": "America/Gotham"}, "time_zone: .*not a time zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone: .*not a time zone"),
        ({"when": "noon"}, "when: Extra inputs"),
        ({"function": "Push Snapshot"}, "function: "),
        ({"body": "text"}, "body: "),
        ({"attempt_deadline_seconds": 0}, "attempt_deadline_seconds: "),
        ({"retry": {"count": 9}}, "retry.count: "),
        ({"retry": {"min_backoff_seconds": 60}}, "retry: .*above"),
    ],
)
def test_a_wrong_entry_is_refused_by_name_and_reason(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    path = tmp_path / "schedules.yaml"
    path.write_text(yaml.safe_dump([ENTRY | changes]))

    with pytest.raises(ScheduleError, match=rf"schedule 1 \(push-snapshot-0900\): .*{reason}"):
        load_schedules(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", "not YAML"),
        ("name: alone", "not a list"),
        ("- 7", r"schedule 1 \(without a name\)"),
        (yaml.safe_dump([ENTRY, ENTRY]), "used twice: push-snapshot-0900"),
    ],
)
def test_a_file_that_is_no_list_of_schedules_is_refused(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "schedules.yaml"
    path.write_text(text)

    with pytest.raises(ScheduleError, match=reason):
        load_schedules(path)


def test_waits_double_up_to_their_maximum() -> None:
    retry = Retry(count=4, min_backoff_seconds=5, max_backoff_seconds=15)

    assert retry.waits_seconds() == [5, 10, 15, 15]
