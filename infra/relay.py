"""Publishes what the outbox holds: after a commit, and whenever a crash left something behind."""

import itertools
import logging

from common.errors import TradingError
from infra.clock import Clock
from infra.gcp.pubsub import PubsubMessage, PubsubPublisher
from infra.postgres import outbox
from infra.postgres.database import Database

log = logging.getLogger(__name__)

# Below Pub/Sub's limit of 1,000 messages and 10 MB a request.
BATCH_SIZE = 500


class Relay:
    """Moves messages from the outbox to their topics, at least once, oldest first."""

    def __init__(self, database: Database, publisher: PubsubPublisher, clock: Clock) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock

    def publish_pending(self) -> int:
        """Publish everything that is unpublished; return how many messages went out.

        Rows stay locked while they are sent, so that instances share the work; a crash in between
        publishes them again. Raises TransientError or PermanentError of the first failing topic.
        """
        return sum(iter(self._publish_batch, 0))

    def publish_committed(self) -> None:
        """Publish what was just committed; what fails stays in the outbox for `relay_outbox`."""
        try:
            self.publish_pending()
        except TradingError as error:
            log.warning("left in the outbox: %s", error)

    def _publish_batch(self) -> int:
        with self._database.transaction() as tx:
            stored = outbox.lock_unpublished(tx, BATCH_SIZE)
            # Within a topic the order is kept; a batch is one request per topic.
            by_topic = sorted(stored, key=lambda each: (each.topic, each.id))
            for topic, group in itertools.groupby(by_topic, key=lambda each: each.topic):
                self._publisher.publish(topic, [_message(each) for each in group])
            if stored:
                outbox.mark_published(tx, [each.id for each in stored], self._clock.now())
        return len(stored)


def _message(stored: outbox.Stored) -> PubsubMessage:
    return PubsubMessage(
        data=stored.payload.encode(),
        ordering_key=stored.ordering_key,
        attributes={"outbox_id": str(stored.id)},
    )
