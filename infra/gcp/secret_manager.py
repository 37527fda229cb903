"""Reads secrets from Secret Manager, and caches them for a few minutes.

The client library is imported when the first secret is read: it is heavy, and only then needed.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.errors import PermanentError, TransientError
from infra.runtime.clock import Clock

if TYPE_CHECKING:
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

# A rotation is seen after this long.
FRESH_FOR = timedelta(minutes=5)
# Without Secret Manager a value serves at most this long after it was read. A stale key is refused
# by whom it is for; stopping at once would also stop what keeps orders safe. A secret that was
# disabled, destroyed or closed to us serves no more: that is an answer, not an outage.
USABLE_FOR = timedelta(hours=1)
# How long to leave Secret Manager alone after it did not answer: callers would only wait.
PAUSE = timedelta(seconds=10)
_TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class _Kept:
    value: str
    read_at: datetime


class SecretManager:
    """Secrets by their resource names, each read once in a few minutes. Safe to share."""

    def __init__(
        self, clock: Clock, connect: "Callable[[], SecretManagerServiceClient] | None" = None
    ) -> None:
        """`connect` opens the client; by default Google's, with the environment's credentials."""
        self._clock = clock
        self._connect = connect or _google
        self._client: SecretManagerServiceClient | None = None
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._failed_at: dict[str, datetime] = {}

    def read(self, name: str) -> str:
        """Return the value of `projects/…/secrets/…/versions/…`.

        Raises PermanentError when it is not there, disabled or not ours to read; TransientError
        when Secret Manager does not answer and what it said before is more than an hour old.
        """
        now = self._clock.now()
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None and now - kept.read_at < FRESH_FOR:
                return kept.value
            try:
                value = self._fetch(name, now)
            except PermanentError:
                self._kept.pop(name, None)
                raise
            except TransientError:
                if kept is None or now - kept.read_at >= USABLE_FOR:
                    raise
                return kept.value
            self._kept[name] = _Kept(value, now)
            return value

    def _fetch(self, name: str, now: datetime) -> str:
        failed_at = self._failed_at.get(name)
        if failed_at is not None and now - failed_at < PAUSE:
            raise TransientError(f"secret {name} could not be read a moment ago")
        try:
            value = self._access(name)
        except TransientError:
            self._failed_at[name] = now
            raise
        self._failed_at.pop(name, None)
        return value

    def _access(self, name: str) -> str:
        from infra.gcp.errors import google_errors  # noqa: PLC0415 (with gRPC, heavy)

        with google_errors(
            f"secret {name}",
            not_found="create it and add a version, or correct its name",
            denied="grant this service account roles/secretmanager.secretAccessor on it",
        ):
            if self._client is None:
                self._client = self._connect()
            # Retries are the caller's: a message is delivered again, a cached value serves on.
            reply = self._client.access_secret_version(
                name=name, retry=None, timeout=_TIMEOUT_SECONDS
            )
        try:
            return reply.payload.data.decode()
        except UnicodeDecodeError:
            raise PermanentError(f"secret {name} is not text (UTF-8)") from None


def _google() -> "SecretManagerServiceClient":
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient  # noqa: PLC0415

    return SecretManagerServiceClient()
