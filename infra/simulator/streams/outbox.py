"""What waits to be sent on one connection of a stream."""

import threading
from collections import deque
from collections.abc import Sequence

from infra.simulator.streams.codec import Message

_LARGEST_FRAME = 100  # events


class Outbox:
    """Frames in their order: a reply has one of its own, events share one.

    Written to and read by different threads. What a client is told last is said with `finish`.
    """

    def __init__(self, largest_frame: int = _LARGEST_FRAME) -> None:
        self._largest_frame = largest_frame
        self._waiting: deque[tuple[Message, bool]] = deque()
        self._changed = threading.Condition()
        self._finished = False

    def __len__(self) -> int:
        return len(self._waiting)

    def reply(self, message: Message) -> None:
        """Send the answer to a message of the client."""
        with self._changed:
            if not self._finished:
                self._waiting.append((message, False))
                self._changed.notify_all()

    def add(self, events: Sequence[Message]) -> None:
        """Send events."""
        with self._changed:
            if not self._finished:
                self._waiting.extend((event, True) for event in events)
                self._changed.notify_all()

    def finish(self, *last: Message) -> None:
        """Send nothing more but these; events that still wait are dropped."""
        with self._changed:
            if not self._finished:
                self._finished = True
                replies = [(message, False) for message, is_event in self._waiting if not is_event]
                self._waiting = deque([*replies, *((message, False) for message in last)])
            self._changed.notify_all()

    def take(self) -> tuple[list[Message], bool] | None:
        """Wait for the next frame; return it, and whether it holds events. None: nothing more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._finished)
            if not self._waiting:
                return None
            message, is_event = self._waiting.popleft()
            frame = [message]
            while is_event and self._waiting and len(frame) < self._largest_frame:
                if not self._waiting[0][1]:
                    break
                frame.append(self._waiting.popleft()[0])
            self._changed.notify_all()
            return frame, is_event

    def wait_until_finished(self) -> None:
        """Wait until nothing more will be added."""
        with self._changed:
            self._changed.wait_for(lambda: self._finished)

    def wait_until_empty(self) -> None:
        """Wait until everything was taken, or nothing more is sent."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._finished)
