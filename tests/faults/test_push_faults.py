"""Faults around a push: the day there is always complete, and the audit says what happened."""

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.functions_server import FunctionsServer
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import rows
from tests.functions.pushes import DAY, Dashboard, change, push, results, running_dashboard, scan
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.usefixtures("environment", "user")


@pytest.fixture
def sites(environment: pytest.MonkeyPatch) -> Iterator[Dashboard]:
    """The dashboard with its API and its database."""
    with running_dashboard(environment, d1=True) as sites:
        yield sites


def audit(db: Database) -> dict[str, Any]:
    (row,) = rows(db, "SELECT * FROM snapshot_pushes")
    return row


def go_down(environment: pytest.MonkeyPatch, name: str) -> None:
    """Let nobody answer at an address."""
    change(environment, **{name: "http://127.0.0.1:9", "SNAPSHOT_DEADLINE_SECONDS": "1"})


def test_with_the_api_down_the_day_goes_to_d1(
    environment: pytest.MonkeyPatch, db: Database, sites: Dashboard
) -> None:
    go_down(environment, "HAIPHEN_API_URL")

    reply = push()

    assert (reply.status_code, reply.get_json()["status"]) == (200, "stored in D1")
    assert sites.is_whole()
    assert sites.updated_at() == reply.get_json()["updated_at"]
    assert audit(db)["result"] == "stored_in_d1"
    assert "the dashboard cannot be reached" in audit(db)["error"]


def test_the_next_push_over_the_api_supersedes_d1_even_unchanged(
    environment: pytest.MonkeyPatch, db: Database, sites: Dashboard, simulator: SimulatedBroker
) -> None:
    with environment.context() as down:
        go_down(down, "HAIPHEN_API_URL")
        push()
    change(environment)
    simulator.clock.advance(timedelta(seconds=30))

    reply = push()

    assert reply.get_json()["status"] == "accepted"
    assert sites.is_whole()
    assert sites.updated_at() == reply.get_json()["updated_at"]
    assert results(db) == ["stored_in_d1", "accepted"]


def test_with_api_and_d1_down_the_old_day_stays_whole(
    environment: pytest.MonkeyPatch,
    db: Database,
    sites: Dashboard,
    simulator: SimulatedBroker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = push().get_json()["updated_at"]
    simulator.clock.advance(timedelta(hours=1))
    scan()
    go_down(environment, "HAIPHEN_API_URL")
    sites.d1.fail_next(503, times=99)

    reply = push()

    assert reply.status_code == 503
    assert sites.is_whole()
    assert sites.updated_at() == before
    assert results(db) == ["accepted", "unreachable"]
    (error,) = rows(db, "SELECT error FROM snapshot_pushes WHERE result = 'unreachable'")
    assert "the dashboard cannot be reached" in error["error"]
    assert "D1 answered 503" in error["error"]
    assert "snapshot_failed" in [vars(each).get("event") for each in caplog.records]


def test_a_d1_that_refuses_is_named_and_the_push_may_come_again(
    environment: pytest.MonkeyPatch, db: Database, sites: Dashboard
) -> None:
    with environment.context() as down:
        go_down(down, "HAIPHEN_API_URL")
        change(down, CLOUDFLARE_API_TOKEN="other")
        reply = push()
    change(environment)

    again = push()

    assert reply.status_code == 503
    assert "D1 answered 401" in reply.get_json()["error"]["message"]
    assert again.get_json()["status"] == "accepted"
    assert sites.is_whole()
    assert results(db) == ["unreachable", "accepted"]


def test_without_d1_an_unreachable_api_is_a_failure_that_may_pass(
    environment: pytest.MonkeyPatch, db: Database
) -> None:
    with running_dashboard(environment, d1=False) as sites:
        sites.api.fail_next(503, times=99)

        reply = push()

    assert reply.status_code == 503
    assert audit(db)["result"] == "unreachable"
    assert "there is no D1" in audit(db)["error"]


def test_500_then_200_is_one_push(
    environment: pytest.MonkeyPatch, db: Database, sites: Dashboard
) -> None:
    change(environment, SNAPSHOT_DEADLINE_SECONDS="20")
    sites.api.fail_next(500)

    reply = push()

    assert reply.get_json()["status"] == "accepted"
    assert [each.status for each in sites.api.received] == [500, 200]
    assert sites.is_whole()
    assert audit(db)["result"] == "accepted"


def test_a_slow_api_that_stores_after_all_leaves_a_whole_day(
    environment: pytest.MonkeyPatch, db: Database, sites: Dashboard
) -> None:
    change(environment, SNAPSHOT_DEADLINE_SECONDS="1")
    sites.api.slow_next(2.5)

    reply = push()

    assert reply.get_json()["status"] == "stored in D1"
    assert sites.is_whole()
    while not sites.api.received:
        threading.Event().wait(0.05)
    assert sites.is_whole()
    assert "broke off (ReadTimeout)" in audit(db)["error"]


@pytest.mark.parametrize("stored", [False, True])
def test_a_lost_answer_is_asked_for_again(
    environment: pytest.MonkeyPatch, db: Database, sites: Dashboard, *, stored: bool
) -> None:
    change(environment, SNAPSHOT_DEADLINE_SECONDS="20")
    sites.api.drop_next(stored=stored)

    reply = push()

    assert reply.get_json()["status"] == "accepted"
    assert len(sites.api.received) == 2
    assert sites.is_whole()
    assert results(db) == ["accepted"]


@pytest.mark.parametrize("name", ["INTERNAL_TOKEN", "SIGNING_SECRET"])
def test_wrong_credentials_are_final_for_the_api_and_never_reach_d1(
    environment: pytest.MonkeyPatch, db: Database, sites: Dashboard, name: str
) -> None:
    change(environment, **{name: "wrong-though-long-enough"})

    reply = push()

    assert reply.status_code == 400
    assert [each.status for each in sites.api.received] == [403]
    assert sites.d1.answered == []
    assert audit(db)["result"] == "refused"
    assert "403" in audit(db)["error"]
    assert sites.api.day(DAY) is None


def test_a_duplicate_delivery_changes_nothing(
    db: Database, sites: Dashboard, simulator: SimulatedBroker
) -> None:
    first = push().get_json()
    simulator.clock.advance(timedelta(seconds=2))

    again = push().get_json()

    assert again["status"] == "unchanged"
    assert sites.updated_at() == first["updated_at"]
    assert sites.is_whole()
    assert results(db) == ["accepted", "unchanged"]


def test_many_pushes_at_once_never_mix(
    environment: pytest.MonkeyPatch, db: Database, sites: Dashboard
) -> None:
    change(environment, SNAPSHOT_DEADLINE_SECONDS="20")
    sites.api.slow_next(0.3, times=9)
    statuses: list[str] = []
    together = threading.Barrier(3)

    def race() -> None:
        together.wait()
        statuses.append(push(force=True).get_json()["status"])

    racers = [threading.Thread(target=race) for _ in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert set(statuses) <= {"accepted", "already running"}
    assert statuses.count("accepted") == len(sites.api.received) >= 1
    assert {each.status for each in sites.api.received} == {200}
    assert sites.is_whole()
    recorded = results(db)
    assert recorded.count("accepted") == len(sites.api.received)
    assert recorded.count("already_running") == statuses.count("already running")


@pytest.fixture
def functions(
    tmp_path: Path, environment: pytest.MonkeyPatch, sites: Dashboard
) -> Iterator[FunctionsServer]:
    """The functions in a process of their own, in the environment of the test."""
    assert not sites.api.received
    change(environment, SNAPSHOT_DEADLINE_SECONDS="20")
    with FunctionsServer(tmp_path / "functions.log") as server:
        server.start(os.environ)  # noqa: TID251 (a child process inherits it)
        yield server


@pytest.mark.parametrize("stored", [False, True])
def test_a_crash_between_post_and_record_is_seen_and_made_good(
    db: Database,
    sites: Dashboard,
    simulator: SimulatedBroker,
    functions: FunctionsServer,
    *,
    stored: bool,
) -> None:
    sites.api.slow_next(1.5, stored=stored)
    delivery = threading.Thread(target=_post_and_lose, args=(functions.url,))
    delivery.start()
    while not rows(db, "SELECT 1 FROM snapshot_pushes"):
        delivery.join(0.01)
    delivery.join(0.5)

    functions.kill()
    delivery.join()
    while not sites.api.received:
        delivery.join(0.05)
    between = results(db)
    simulator.clock.advance(timedelta(seconds=30))
    functions.start(os.environ)  # noqa: TID251
    redelivered = httpx.post(f"{functions.url}/push_snapshot", json={}, timeout=PATIENCE_SECONDS)

    assert between == ["sending"]
    assert redelivered.json()["status"] == "accepted", "the same content, and yet it is sent"
    assert results(db) == ["unknown", "accepted"]
    assert sites.is_whole()
    assert sites.updated_at() == redelivered.json()["updated_at"]


def test_after_a_crash_nothing_older_than_the_lost_attempt_is_sent(
    db: Database, sites: Dashboard
) -> None:
    push()
    with db.transaction() as tx:
        tx.run(
            "UPDATE snapshot_pushes SET result = 'sending', content_sha256 = 'of other rows',"
            " updated_at = updated_at + interval '1 minute'"
        )

    reply = push()

    assert reply.get_json()["status"] == "a newer one was sent"
    assert len(sites.api.received) == 1
    assert results(db) == ["unknown", "superseded"]


def _post_and_lose(url: str) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{url}/push_snapshot", json={}, timeout=PATIENCE_SECONDS)
