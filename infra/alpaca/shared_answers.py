"""Reads that several orders share: what was answered a moment ago is not asked again."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from infra.alpaca.http import AlpacaHttp, Params


class SharedAnswers(AlpacaHttp):
    """A wire with a cache: it asks for what is not in it, and keeps the answer.

    It reads only. Safe to share between threads.
    """

    def __init__(self, wire: AlpacaHttp, known: Mapping[str, Any]) -> None:
        self._wire, self._known = wire, known
        self.fetched: dict[str, Any] = {}

    def get(self, path: str, params: Params | None = None) -> Any:
        """Return the known answer, or ask; raises as the wire does."""
        asked = f"{path}?{urlencode(params)}" if params else path
        if asked in self._known:
            return self._known[asked]
        answer = self._wire.get(path, params)
        self.fetched[asked] = answer
        return answer
