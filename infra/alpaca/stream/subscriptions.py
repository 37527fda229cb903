"""What a stream follows, what it should follow, and the change to ask for next."""

from collections.abc import Collection
from typing import Literal

Change = tuple[Literal["subscribe", "unsubscribe"], list[str]]


class Subscriptions:
    """Asks for one change at a time; one bad symbol, or a full plan, costs no other symbol.

    The broker refuses a message whole. So what was refused is asked for again in halves, down to
    the symbol that is to blame, which is left out until what is wanted changes.
    """

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}
        self._wanted: frozenset[str] = frozenset()
        self._followed: frozenset[str] = frozenset()
        self._asked: Change | None = None
        self._largest: int | None = None

    def want(self, symbols: Collection[str]) -> None:
        """Follow these; what was refused before is tried again when they are others."""
        if self._wanted != frozenset(symbols):
            self._wanted = frozenset(symbols)
            self.refused.clear()

    def begin(self) -> None:
        """Begin on a new connection, where nothing is followed."""
        self._followed, self._asked, self._largest = frozenset(), None, None

    def next_change(self) -> Change | None:
        """Return what to ask for, None while an answer is awaited or nothing is missing."""
        if self._asked:
            return None
        missing = sorted(self._wanted - self._followed - self.refused.keys())
        if gone := sorted(self._followed - self._wanted):
            self._asked = "unsubscribe", gone
        elif missing:
            self._asked = "subscribe", missing[: self._largest]
        return self._asked

    def confirmed(self, followed: Collection[str]) -> frozenset[str]:
        """Take the broker's list of what is followed now; return what is new in it."""
        before, self._followed = self._followed, frozenset(followed)
        action, asked = self._asked or ("subscribe", [])
        self._asked = None
        if action == "unsubscribe":
            self._followed -= {*asked}
        for symbol in {*asked} - self._followed if action == "subscribe" else ():
            self.refused[symbol] = "the broker did not confirm it"
        return self._followed - before

    def declined(self, reason: str, *, for_all: bool) -> None:
        """Take a refusal of what was asked for; with `for_all` it holds for all that is missing."""
        _, asked = self._asked or ("subscribe", [])
        self._asked = None
        if len(asked) > 1:
            self._largest = len(asked) // 2
            return
        blamed = self._wanted - self._followed - self.refused.keys() if for_all else asked
        self.refused |= dict.fromkeys(blamed, reason)
