"""One client's conversation with a stream, without its socket."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from infra.simulator.ledger.orders import OrderChange
from infra.simulator.market.feed import MarketEvent
from infra.simulator.state import BrokerState
from infra.simulator.streams.codec import Codec, Message
from infra.simulator.streams.outbox import Outbox

Event = MarketEvent | OrderChange


class Session(ABC):
    """Reads the client's messages, replies, and is offered each event.

    `admit` decides whether one more may authenticate on its path.
    """

    def __init__(
        self,
        broker: BrokerState,
        path: str,
        codec: Codec,
        outbox: Outbox,
        admit: Callable[["Session"], bool],
    ) -> None:
        self.path, self.codec, self.outbox = path, codec, outbox
        self._broker, self._admit = broker, admit
        self.authenticated = self.has_tried = False

    def receive(self, frame: str | bytes) -> None:
        """Answer one message of the client."""
        try:
            message = self.codec.read(frame)
        except ValueError:
            message = None
        self.outbox.reply(self.answer(message if isinstance(message, dict) else {}))

    def offer(self, events: Sequence[Event]) -> None:
        """Send what the client listens to; a client that takes too little of it is cut off."""
        wanted = [found for event in events if (found := self.written(event)) is not None]
        if not wanted:
            return
        if self._broker.switches.stream_waits:
            self.outbox.wait_until_empty()
        elif len(self.outbox) + len(wanted) > self._broker.switches.stream_buffer:
            self.outbox.finish(*self.farewell_to_slow())
            return
        self.outbox.add(wanted)

    def are_keys(self, key: Any, secret: Any) -> bool:
        """Whether these are the account's keys."""
        return (key, secret) == (self._broker.key_id, self._broker.secret_key)

    @abstractmethod
    def greet(self, headers: tuple[str | None, str | None]) -> None:
        """Say what is said first, given the keys in the headers of the handshake."""

    @abstractmethod
    def answer(self, message: Message) -> Message:
        """Return the reply to a message; one that cannot be read is empty."""

    @abstractmethod
    def written(self, event: Event) -> Message | None:
        """Return the event as the client gets it, None when it does not listen to it."""

    @abstractmethod
    def farewell_to_slow(self) -> Sequence[Message]:
        """Return what a client is told that is cut off for being slow."""

    @abstractmethod
    def farewell_to_silent(self) -> Sequence[Message]:
        """Return what a client is told that does not authenticate in time."""
