"""What the bus still has to deliver: which delivery is next, and when."""

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from infra.local.pubsub.store import BusStore, DeadLetter, Delivery, Draft

# Deliveries of one lane go one after the other: (subscription, ordering key or delivery).
_Lane = tuple[str, str | int]


@dataclass(frozen=True)
class RetryPolicy:
    """Waits double from `base_seconds` up to `max_seconds`; then comes the dead letter."""

    base_seconds: float
    max_seconds: float
    max_attempts: int

    def wait_seconds(self, attempts: int) -> float:
        """Return how long to wait after so many failed attempts (at least one)."""
        return min(self.base_seconds * 2.0 ** (attempts - 1), self.max_seconds)


class DeliveryQueue:
    """Hands deliveries to workers. Safe to share between threads.

    A lane in `_lanes` is never empty. It is in `_ready` (by the monotonic time from which its first
    delivery may go out) unless a worker has that delivery in hand: so nothing overtakes in a lane.
    """

    def __init__(
        self, store: BusStore, subscriptions: Mapping[str, Sequence[str]], retry: RetryPolicy
    ) -> None:
        """Take up the store's undelivered messages of the subscriptions, given by topic."""
        self._store = store
        self._subscriptions = subscriptions
        self._retry = retry
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._idle = threading.Condition(self._lock)
        self._lanes: dict[_Lane, deque[Delivery]] = {}
        self._ready: list[tuple[float, int, _Lane]] = []
        self._turn = itertools.count()
        self._duplicates = 0
        self._stopped = self._closed = False
        with self._lock:
            self._add(store.undelivered(itertools.chain.from_iterable(subscriptions.values())))

    def publish(self, topic: str, drafts: Sequence[Draft], publish_time: str) -> list[str]:
        """Commit the messages, wake the workers, return the ids; KeyError for an unknown topic."""
        names = self._subscriptions[topic]
        with self._lock:
            messages, deliveries = self._store.publish(topic, drafts, publish_time, names)
            self._add(deliveries)
            twice = messages[: self._duplicates]
            self._duplicates -= len(twice)
            for message in twice:
                self._add(self._store.publish_again(message, names))
        return [message.message_id for message in messages]

    def take(self) -> Delivery | None:
        """Wait for the next delivery that is due; None once the queue was stopped."""
        with self._lock:
            while not self._stopped:
                wait = self._ready[0][0] - time.monotonic() if self._ready else None
                if wait is not None and wait <= 0:
                    lane = heapq.heappop(self._ready)[2]
                    self._work.notify()  # someone else must now watch for the next one
                    return self._lanes[lane][0]
                self._work.wait(wait)
            return None

    def ack(self, delivery: Delivery) -> None:
        """Settle a delivery that was accepted."""
        with self._lock:
            if not self._closed:
                self._store.settle(delivery)
                self._advance(_lane(delivery))

    def nack(self, delivery: Delivery, error: str) -> None:
        """Bring a delivery back later, or give it up as a dead letter."""
        failed = replace(delivery, attempts=delivery.attempts + 1)
        with self._lock:
            if self._closed:
                return
            if failed.attempts >= self._retry.max_attempts:
                self._store.bury(failed, error)
                self._advance(_lane(failed))
            else:
                self._store.count_failure(failed)
                self._lanes[_lane(failed)][0] = failed
                self._offer(_lane(failed), self._retry.wait_seconds(failed.attempts))

    def redeliver(self, message_id: str) -> None:
        """Deliver a message once more to all subscriptions of its topic; KeyError if unknown."""
        with self._lock:
            message = self._store.find(message_id)
            self._add(self._store.publish_again(message, self._subscriptions[message.topic]))

    def duplicate_next(self, count: int) -> None:
        """Deliver each of the next `count` published messages twice."""
        with self._lock:
            self._duplicates = count

    def pending(self) -> int:
        """Count what is waiting, backing off or in flight, once for each subscription."""
        with self._lock:
            return sum(map(len, self._lanes.values()))

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Wait until nothing is pending; False if that takes longer."""
        with self._lock:
            return self._idle.wait_for(lambda: not self._lanes, timeout_seconds)

    def dead_letters(self) -> list[DeadLetter]:
        """Return what was given up, oldest first."""
        with self._lock:
            return self._store.dead_letters()

    def stop(self) -> None:
        """Hand out nothing more; what is in flight may still be settled."""
        with self._lock:
            self._stopped = True
            self._work.notify_all()

    def close(self) -> None:
        """Close the store; what is settled after this is delivered again by the next queue."""
        with self._lock:
            self._closed = True
            self._store.close()

    def _add(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            lane = _lane(delivery)
            if lane in self._lanes:
                self._lanes[lane].append(delivery)
            else:
                self._lanes[lane] = deque([delivery])
                self._offer(lane, 0)

    def _offer(self, lane: _Lane, wait_seconds: float) -> None:
        due = time.monotonic() + wait_seconds
        heapq.heappush(self._ready, (due, next(self._turn), lane))
        self._work.notify()

    def _advance(self, lane: _Lane) -> None:
        self._lanes[lane].popleft()
        if self._lanes[lane]:
            self._offer(lane, 0)
            return
        del self._lanes[lane]
        if not self._lanes:
            self._idle.notify_all()


def _lane(delivery: Delivery) -> _Lane:
    return delivery.subscription, delivery.message.ordering_key or delivery.delivery_id
