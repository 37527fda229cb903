"""Google's public keys for Firebase ID tokens: fetched when needed, kept as long as they say.

They rotate about daily. A key id that is not among them is looked for once more, but not more often
than every few seconds, whatever key ids callers make up.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from jwt import PyJWK, PyJWKSet, PyJWTError

from common.errors import MalformedMessageError, TransientError
from common.model import parse_json
from infra.runtime.http_errors import transport_errors
from infra.runtime.tls import tls_context

ALGORITHM = "RS256"
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=(\d{1,9})(?:$|[,\s])")
_LONGEST = timedelta(days=1)
_FETCH_INTERVAL = timedelta(seconds=10)
# A key server that hangs must not hold up a function that has 30 seconds, nor all its threads.
_TIMEOUT = httpx.Timeout(5.0)
_WAIT_SECONDS = 1.0


class FirebaseKeys:
    """The keys at one URL (a JWK set), by their ids. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(verify=tls_context(), timeout=_TIMEOUT)
        self._url = url
        self._fetching = threading.Lock()
        self._known = _Keys({}, None)
        self._asked_at: datetime | None = None

    def get(self, key_id: str, now: datetime) -> PyJWK | None:
        """Return a key, None when there is none of that id.

        A key that is known and fresh is returned at once, whatever others wait for. Raises
        TransientError while the keys are too old, or being fetched by another, and not there soon.
        """
        known = self._known
        if known.are_fresh(now) and key_id in known.by_id:
            return known.by_id[key_id]
        if not self._fetching.acquire(timeout=_WAIT_SECONDS):
            raise TransientError("the keys of ID tokens are being fetched")
        try:
            if not (self._known.are_fresh(now) and key_id in self._known.by_id):
                self._fetch_if_due(now)
        finally:
            self._fetching.release()
        return self._known.by_id.get(key_id)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _fetch_if_due(self, now: datetime) -> None:
        if self._asked_at is None or now - self._asked_at >= _FETCH_INTERVAL:
            self._asked_at = now
            self._known = self._fetch(now)
        elif not self._known.are_fresh(now):
            raise TransientError("the keys of ID tokens could not be fetched a moment ago")

    def _fetch(self, now: datetime) -> "_Keys":
        with transport_errors("the key server of ID tokens", writes=False):
            response = self._client.get(self._url)
        if not response.is_success:
            raise TransientError(f"the key server of ID tokens answered {response.status_code}")
        return _Keys(_parse(response.content), now + _keep_for(response.headers))


@dataclass(frozen=True)
class _Keys:
    """One answer of the key server, replaced as a whole."""

    by_id: Mapping[str, PyJWK]
    stale_at: datetime | None

    def are_fresh(self, now: datetime) -> bool:
        return self.stale_at is not None and now < self.stale_at


def _parse(body: bytes) -> dict[str, PyJWK]:
    """Read a JWK set; what is not a key for our algorithm is left out."""
    try:
        found = PyJWKSet.from_dict(parse_json(body)).keys
    except (MalformedMessageError, PyJWTError, AttributeError) as error:
        raise TransientError("the key server of ID tokens sent no JWK set") from error
    return {key.key_id: key for key in found if key.key_id and key.algorithm_name == ALGORITHM}


def _keep_for(headers: httpx.Headers) -> timedelta:
    """Return how long an answer may be kept (RFC 9111), and at least until we may ask again."""
    stated = _MAX_AGE.search(headers.get("cache-control", "").lower())
    age = headers.get("age", "0")
    seconds = int(stated[1]) - (int(age) if age.isdecimal() else 0) if stated else 0
    return min(max(timedelta(seconds=seconds), _FETCH_INTERVAL), _LONGEST)
