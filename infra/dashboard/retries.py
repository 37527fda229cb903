"""Trying again within a deadline. Both ways to the dashboard replace the day: they may repeat."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential_jitter,
)

from common.errors import PermanentError, TransientError

_Result = TypeVar("_Result")

_CONNECT_SECONDS = 3
# Rebuilding a day on the other side takes it some seconds.
_ANSWER_SECONDS = 30
_SHORTEST_SECONDS = 0.1
# Refusals of the moment, not of the request.
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class BusyError(TransientError):
    """The other side failed or is busy; it may have said in how many seconds to come back."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class RefusedError(PermanentError):
    """The other side refused the request, with this status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Retries:
    """Calls again what failed for the moment: never past the deadline, never sooner than asked."""

    def __init__(self, attempts: int, deadline_seconds: float, longest_wait_seconds: float) -> None:
        self._attempts = attempts
        self._deadline_seconds = deadline_seconds
        self._backoff = wait_exponential_jitter(multiplier=0.5, max=longest_wait_seconds)

    def __call__(self, call: Callable[[httpx.Timeout], _Result]) -> _Result:
        """Return what `call` returns within the timeout it is given; raises its last error."""
        end = time.monotonic() + self._deadline_seconds
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(self._attempts) | stop_before_delay(self._deadline_seconds),
            wait=self._wait,
            reraise=True,
        )
        return retrying(lambda: call(_timeout(end - time.monotonic())))

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_seconds if isinstance(error, BusyError) else 0
        return max(asked, self._backoff(state))


def refuse_failure(peer: str, response: httpx.Response) -> None:
    """Raise what an error status means: its beginning is enough to act on, never a page."""
    description = f"{peer} answered {response.status_code}: {response.text[:200]}"
    if response.is_server_error or response.status_code in _PASSING:
        raise BusyError(description, _retry_after(response))
    if not response.is_success:
        raise RefusedError(description, response.status_code)


def _timeout(left_seconds: float) -> httpx.Timeout:
    answer = max(min(_ANSWER_SECONDS, left_seconds), _SHORTEST_SECONDS)
    return httpx.Timeout(answer, connect=min(_CONNECT_SECONDS, answer))


def _retry_after(response: httpx.Response) -> float:
    """Read `Retry-After`, which is seconds, or an instant by the other side's own clock."""
    asked = response.headers.get("Retry-After", "0")
    if asked.isascii() and asked.isdigit():
        return float(asked)
    try:
        until, now = map(parsedate_to_datetime, (asked, response.headers.get("Date", "")))
        return max((until - now).total_seconds(), 0)
    except (TypeError, ValueError):
        return 0  # unreadable: our own backoff stands
