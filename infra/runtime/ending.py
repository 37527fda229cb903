"""The end of a process that runs until it is told to stop."""

import signal
from contextlib import suppress
from queue import Empty, SimpleQueue

# How often the main thread looks.
_LOOK_SECONDS = 0.5


class Ending:
    """Waits for Ctrl-C, SIGTERM, or for somebody in this process who calls `end`.

    The kernel may hand a signal to any thread, which leaves the main one asleep; and only in the
    main one Python does what is to be done about it. So that looks up now and then.
    """

    def __init__(self) -> None:
        """Take the signals from here on; in the main thread."""
        self._ended = SimpleQueue[None]()  # an Event's lock could be held when the signal comes
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.end())

    def end(self) -> None:
        """End what waits."""
        self._ended.put(None)

    def has_come(self) -> bool:
        """Wait a moment; return whether the end has come, once for each who says so."""
        with suppress(Empty):
            self._ended.get(timeout=_LOOK_SECONDS)
            return True
        return False

    def wait(self) -> None:
        """Wait for the end."""
        while not self.has_come():
            pass
