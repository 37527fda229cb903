import threading

import pytest

from functions import wiring
from infra.local.bus import LocalBus
from infra.local.serving import Server
from infra.local.stack import PROJECT
from infra.postgres.database import Database
from tests.conftest import enroll, function, rows
from tests.functions.steps import tick

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def nothing_published(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Publishing fails, as in a crash between commit and publish."""
    environment.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    wiring.reset()
    return environment


def unpublished(db: Database) -> int:
    return len(rows(db, "SELECT 1 FROM outbox WHERE published_at IS NULL"))


def test_what_a_crash_left_behind_is_published(
    nothing_published: pytest.MonkeyPatch, db: Database, bus_host: str
) -> None:
    enroll(db, "a")
    tick()
    left = unpublished(db)
    nothing_published.setenv("PUBSUB_EMULATOR_HOST", bus_host)
    wiring.reset()

    first, second = (function("relay_outbox").post("/").get_json() for _ in range(2))

    assert left == 2  # snapshots-ingested and questions-created
    assert (first, second) == ({"published": 2}, {"published": 0})
    assert unpublished(db) == 0


@pytest.mark.usefixtures("nothing_published")
def test_while_the_topics_are_away_nothing_is_lost(db: Database) -> None:
    enroll(db, "a")
    tick()

    reply = function("relay_outbox").post("/")

    assert reply.status_code == 503
    assert unpublished(db) == 2


@pytest.mark.usefixtures("nothing_published")
def test_two_relays_at_once_publish_each_message_once(
    environment: pytest.MonkeyPatch, db: Database
) -> None:
    with db.transaction() as tx:
        tx.run(
            "INSERT INTO outbox (topic, ordering_key, payload, created_at)"
            " SELECT 'trade-updates', 'k', '{}', now() FROM generate_series(1, 700)"
        )
    with LocalBus(None, {"trade-updates": []}, PROJECT) as bus, Server(bus.app) as server:
        environment.setenv("PUBSUB_EMULATOR_HOST", server.url.removeprefix("http://"))
        wiring.reset()
        counts: list[int] = []

        def relay() -> None:
            counts.append(function("relay_outbox").post("/").get_json()["published"])

        threads = [threading.Thread(target=relay) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sum(counts) == 700
    assert unpublished(db) == 0
