"""Publishes what the outbox holds: after a commit, and whenever a crash left something behind."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from common.errors import TradingError
from common.messages import TOPICS
from infra.gcp.pubsub import MessageRefusedError, PubsubMessage, PubsubPublisher
from infra.postgres.database import Database, Transaction
from infra.postgres.messages import dead_letters, outbox
from infra.postgres.messages.dead_letters import DeadLetter
from infra.postgres.messages.outbox import OutboxMessage
from infra.runtime.clock import Clock

log = logging.getLogger(__name__)

# Pub/Sub takes no more in one request.
BATCH_SIZE = 1000
# So that under steady traffic no relay works for the others forever: the next one goes on.
_MOST_BATCHES = 100


class Relay:
    """Moves messages from the outbox to their topics, at least once, each key's oldest first.

    A lane of a topic has one relay at a time, whatever the number of instances, so that no message
    overtakes another of its key. Who finds a lane taken may leave: its relay looks again before it
    ends, and sees what was committed meanwhile. The most urgent topic goes first, batch by batch.
    """

    def __init__(self, database: Database, publisher: PubsubPublisher, clock: Clock) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock

    def publish_pending(self, connections: int = 1) -> int:
        """Publish everything that is unpublished; return how many messages went out.

        Several `connections` to the database, and as many to Pub/Sub, work side by side; each holds
        one request's messages in memory. A topic that fails keeps its messages and does not hold up
        the others; then the first failure is raised at the end. What Pub/Sub will never take
        becomes a dead letter.
        """
        failures = dict[str, TradingError]()
        if connections == 1:
            published = self._publish_batches(failures)
        else:
            with ThreadPoolExecutor(connections) as threads:
                published = sum(threads.map(self._publish_batches, [failures] * connections))
        if not failures:
            return published
        first, *others = failures.values()
        for error in others:
            log.warning("left in the outbox: %s", error)
        raise first

    def set_misdirected_aside(self) -> int:
        """Give up the messages on topics that there are not; return how many there were."""
        with self._database.transaction() as tx:
            now = self._clock.now()
            taken = outbox.take_misdirected(tx, TOPICS, BATCH_SIZE, now)
            for message in taken:
                self._give_up(tx, message, f"there is no topic {message.topic}")
        return len(taken)

    def publish_committed(self) -> None:
        """Publish what was just committed; what fails stays in the outbox for `relay_outbox`."""
        try:
            self.publish_pending()
        except TradingError as error:
            log.warning("left in the outbox: %s", error)

    def publish_committed_of(self, firebase_uid: str) -> None:
        """Publish what was just committed for one user, and wait for nobody else's messages."""
        failures = dict[str, TradingError]()
        try:
            with self._database.transaction() as tx:
                now = self._clock.now()
                for topic in outbox.claim_of_key(tx, firebase_uid, TOPICS):
                    taken = outbox.take_of_key(tx, topic, firebase_uid, BATCH_SIZE, now)
                    self._publish(tx, topic, taken, failures)
        except TradingError as error:
            failures["its transaction"] = error
        for failure in failures.values():
            log.warning("left in the outbox: %s", failure)

    def _publish_batches(self, failures: dict[str, TradingError]) -> int:
        published = 0
        for _ in range(_MOST_BATCHES):
            count = self._publish_batch(failures)
            if count is None:
                break
            published += count
        return published

    def _publish_batch(self, failures: dict[str, TradingError]) -> int | None:
        """Publish the oldest messages of some lanes; None when nothing is left to this relay."""
        with self._database.transaction() as tx:
            lanes = outbox.claim(tx, [topic for topic in TOPICS if topic not in failures])
            if lanes is None:
                return None
            taken = outbox.take(tx, lanes, BATCH_SIZE, self._clock.now())
            return self._publish(tx, lanes.topic, taken, failures)

    def _publish(
        self,
        tx: Transaction,
        topic: str,
        taken: Sequence[OutboxMessage],
        failures: dict[str, TradingError],
    ) -> int:
        """Send what is marked in an open transaction: a crash meanwhile sends it again.

        What cannot be sent now is left in the outbox, and the topic's failure noted.
        """
        try:
            refused = list(self._send(topic, taken)) if taken else []
        except TradingError as error:
            outbox.put_back(tx, taken)
            failures[topic] = error
            return 0
        for message, reason in refused:
            self._give_up(tx, message, reason)
        return len(taken) - len(refused)

    def _send(
        self, topic: str, messages: Sequence[OutboxMessage]
    ) -> Iterator[tuple[OutboxMessage, str]]:
        """Publish in order; yield what is refused, for which a refused batch is halved."""
        try:
            self._publisher.publish(topic, [_message(each) for each in messages])
        except MessageRefusedError as error:
            if len(messages) == 1:
                yield messages[0], str(error)
                return
            middle = len(messages) // 2
            yield from self._send(topic, messages[:middle])
            yield from self._send(topic, messages[middle:])

    def _give_up(self, tx: Transaction, message: OutboxMessage, reason: str) -> None:
        log.error(
            "relay_outbox gave up message %s: %s",
            message.message_id,
            reason,
            extra={"event": "dead_letter_kept", "consumer": "relay_outbox"},
        )
        letter = DeadLetter(
            consumer="relay_outbox",
            topic=message.topic,
            message_id=message.message_id,
            ordering_key=message.ordering_key,
            payload=message.payload,
            error=reason,
        )
        dead_letters.keep(tx, letter, self._clock.now())
        outbox.remove(tx, message)


def _message(stored: OutboxMessage) -> PubsubMessage:
    return PubsubMessage(
        data=stored.payload.encode(),
        ordering_key=stored.ordering_key,
        attributes={"message_id": stored.message_id},
    )
