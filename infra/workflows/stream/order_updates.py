"""Updates of orders that wait to be recorded, and whether one was missed."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable

from infra.alpaca.stream.order_updates import OrderUpdate

_MOST_WAITING = 1_000
_MOST_KNOWN = 10_000  # execution ids


class OrderUpdates:
    """Hears the stream (an OrderListener); safe to use from several threads.

    What came before it listened, what cannot be read and what is more than `most` at once is
    missed: then all orders are to be asked about. An execution that comes twice counts once.
    """

    def __init__(self, wake: Callable[[], None], most: int = _MOST_WAITING) -> None:
        """Take who is to be woken when there is something to do."""
        self._wake, self._most = wake, most
        self._lock = threading.Lock()
        self._waiting: deque[OrderUpdate] = deque()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._has_missed = False
        self.is_listening = False

    def __len__(self) -> int:
        return len(self._waiting)

    def listening(self) -> None:
        """Ask about all orders once, for nothing is sent again; then every update comes."""
        self.is_listening = True
        self.missed()

    def interrupted(self, reason: str) -> None:  # noqa: ARG002 (the stream logs it)
        """Remember that nothing comes."""
        self.is_listening = False

    def updated(self, update: OrderUpdate) -> None:
        """Keep an update, unless it came before."""
        with self._lock:
            if self._came_before(update.execution_id):
                return
            if len(self._waiting) >= self._most:
                self._waiting.clear()
                self._has_missed = True
            else:
                self._waiting.append(update)
        self._wake()

    def missed(self) -> None:
        """Remember that something is not known."""
        with self._lock:
            self._has_missed = True
        self._wake()

    def take(self) -> tuple[list[OrderUpdate], bool]:
        """Return what waits, in its order, and whether anything was missed since the last time."""
        with self._lock:
            taken, has_missed = [*self._waiting], self._has_missed
            self._waiting.clear()
            self._has_missed = False
        return taken, has_missed

    def _came_before(self, execution_id: str | None) -> bool:
        if execution_id is None:
            return False
        if execution_id in self._known:
            return True
        self._known[execution_id] = None
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return False
