"""The local bus delivers at least once, in the order of a key, and gives up visibly."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.pubsub.server import LocalBus
from tests.contract.local.bus_support import (
    BACKOFF,
    TOPIC,
    Subscriber,
    bus_to,
    message,
    publish,
)
from tests.waiting import PATIENCE_SECONDS, eventually


def test_a_refused_message_is_tried_again_until_it_is_accepted() -> None:
    def answer(_text: str, attempt: int) -> int:
        return 200 if attempt == 3 else 503

    with Subscriber(answer) as endpoint, bus_to(endpoint.url) as bus:
        publish(bus, message("stubborn"))
        assert bus.drain(PATIENCE_SECONDS)

        assert endpoint.texts == ["stubborn"] * 3
        assert bus.dead_letters() == []


def test_what_is_never_accepted_becomes_a_dead_letter_with_the_last_error() -> None:
    with (
        Subscriber(lambda _text, _attempt: 500) as endpoint,
        bus_to(endpoint.url, max_delivery_attempts=4) as bus,
    ):
        [message_id] = publish(bus, message("poison"))
        assert bus.drain(PATIENCE_SECONDS)
        [letter] = bus.dead_letters()

    assert endpoint.texts == ["poison"] * 4
    assert (letter.message.message_id, letter.attempts) == (message_id, 4)
    assert letter.last_error == "500: no thanks"


def test_nobody_listening_is_a_nack() -> None:
    with Subscriber() as gone:
        pass

    with bus_to(gone.url, max_delivery_attempts=2) as bus:
        publish(bus, message("lonely"))
        assert bus.drain(PATIENCE_SECONDS)
        [letter] = bus.dead_letters()

    assert letter.last_error.startswith("ConnectError")


def test_a_subscriber_that_takes_too_long_is_a_nack() -> None:
    release = threading.Event()

    def answer(_text: str, attempt: int) -> int:
        if attempt == 1:
            release.wait(5)
        return 204

    with (
        Subscriber(answer) as endpoint,
        LocalBus(
            None, {TOPIC: [f"{endpoint.url}/x"]}, backoff_seconds=BACKOFF, timeout_seconds=0.1
        ) as bus,
    ):
        publish(bus, message("slow"))
        assert bus.drain(PATIENCE_SECONDS)
        release.set()

    assert endpoint.texts == ["slow", "slow"]


def test_one_key_stays_in_order_while_its_first_message_is_retried() -> None:
    def answer(text: str, attempt: int) -> int:
        return 503 if text == "first" and attempt < 3 else 204

    with Subscriber(answer) as endpoint, bus_to(endpoint.url) as bus:
        publish(bus, message("first", key="SPY"), message("second", key="SPY"))
        assert bus.drain(PATIENCE_SECONDS)

    assert endpoint.texts == ["first", "first", "first", "second"]


def test_slow_messages_do_not_delay_the_retry_of_another() -> None:
    retried = threading.Event()

    def answer(text: str, attempt: int) -> int:
        if text == "slow":
            return 204 if retried.wait(PATIENCE_SECONDS) else 500
        if attempt == 2:
            retried.set()
        return 204 if attempt == 2 else 503

    with Subscriber(answer) as endpoint, bus_to(endpoint.url) as bus:
        publish(bus, message("refused"))
        publish(bus, *(message("slow"),) * 3)
        drained = bus.drain(PATIENCE_SECONDS)

    assert drained
    assert Counter(endpoint.texts) == {"refused": 2, "slow": 3}


def test_drain_says_no_while_a_message_backs_off() -> None:
    with (
        Subscriber(lambda _text, _attempt: 503) as endpoint,
        LocalBus(None, {TOPIC: [f"{endpoint.url}/evaluate"]}, backoff_seconds=60) as bus,
    ):
        publish(bus, message("later"))
        eventually(lambda: bool(endpoint.texts))
        drained = bus.drain(0.05)

        assert not drained
        assert bus.pending() == 1


@pytest.fixture(scope="module")
def shared() -> Iterator[Subscriber]:
    with Subscriber() as endpoint:
        yield endpoint


@given(
    plan=st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.integers(0, 3)), max_size=12),
    duplicated=st.integers(0, 3),
)
@settings(max_examples=25, deadline=None)
def test_every_message_is_accepted_in_the_order_of_its_key(
    shared: Subscriber, plan: list[tuple[str, int]], duplicated: int
) -> None:
    accepted: dict[str, list[int]] = defaultdict(list)
    attempts: Counter[int] = Counter()

    def answer(text: str, _attempt: int) -> int:
        number = int(text)
        key, refusals = plan[number]
        attempts[number] += 1
        if attempts[number] <= refusals:
            return 500
        accepted[key].append(number)
        return 204

    shared.answer = answer
    with bus_to(shared.url, max_delivery_attempts=4) as bus:
        bus.duplicate_next(duplicated)
        for number, (key, _) in enumerate(plan):
            publish(bus, message(str(number), key=key))
        drained = bus.drain(PATIENCE_SECONDS)
        dead = bus.dead_letters()

    assert drained
    assert dead == []
    assert sum(map(len, accepted.values())) == len(plan) + min(duplicated, len(plan))
    assert {number for got in accepted.values() for number in got} == set(range(len(plan)))
    assert all(got == sorted(got) for key, got in accepted.items() if key)
