"""The wire to Alpaca: authentication, timeouts, retries of reads, and errors that say what to do.

Reads are tried again on transient failures. Writes never are: after a lost reply the caller looks
its `client_order_id` up (docs/broker.md, Retries; the official SDK re-sends POSTs on 504).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from common.errors import (
    BrokerRefusedError,
    MalformedMessageError,
    OutcomeUnknownError,
    TransientError,
)
from common.model import parse_json
from common.orders.request_budget import RateLimit
from infra.runtime.http_errors import TIMEOUT, Secret, reveal, transport_errors
from infra.runtime.tls import tls_context

_REQUEST_TIMEOUT, _TOO_MANY_REQUESTS = 408, 429
Params = Mapping[str, str]


class AlpacaHttp:
    """One of Alpaca's hosts. Safe to share between threads.

    Each request carries the keys of its moment, so that a rotation reaches a client that is kept.
    """

    def __init__(
        self,
        base_url: str,
        key_id: Secret,
        secret_key: Secret,
        *,
        timeout: httpx.Timeout = TIMEOUT,
        read_attempts: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._key_id, self._secret_key = key_id, secret_key
        self._rate_limit: RateLimit | None = None
        self._client = httpx.Client(
            verify=tls_context(),
            base_url=base_url,
            timeout=timeout,
            transport=transport,
            auth=self._signed,
        )
        self._retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(read_attempts),
            wait=wait_exponential_jitter(multiplier=0.1, max=2, jitter=0.1),
            reraise=True,
        )

    def get(self, path: str, params: Params | None = None) -> Any:
        """Read; raises BrokerRefusedError (4xx) or, after a few attempts, TransientError."""
        return self._retrying.copy()(self._call, "GET", path, params=params)

    def post(self, path: str, body: Mapping[str, str]) -> Any:
        """Write once.

        Raises BrokerRefusedError (proven rejection), TransientError (never arrived, or 429) or
        OutcomeUnknownError (may have happened).
        """
        return self._call("POST", path, json=body)

    def delete(self, path: str) -> Any:
        """Delete once; raises as `post` does."""
        return self._call("DELETE", path)

    @property
    def rate_limit(self) -> RateLimit | None:
        """What the last response said of the limit on requests; None when none said anything."""
        return self._rate_limit

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _signed(self, request: httpx.Request) -> httpx.Request:
        """Add the keys; what cannot be had stops the request before it is sent."""
        request.headers["APCA-API-KEY-ID"] = reveal(self._key_id)
        request.headers["APCA-API-SECRET-KEY"] = reveal(self._secret_key)
        return request

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        writes = method != "GET"
        with transport_errors("the broker", writes=writes):
            response = self._client.request(method, path, **arguments)
        self._rate_limit = _rate_limit(response) or self._rate_limit
        return _content(response, writes=writes)


def _content(response: httpx.Response, *, writes: bool) -> Any:
    """Return the parsed body of a success; raise what any other answer means."""
    request_id = response.headers.get("X-Request-ID")
    if response.status_code == _TOO_MANY_REQUESTS:
        raise TransientError(f"broker: too many requests (request id {request_id})")
    unclear = OutcomeUnknownError if writes else TransientError
    refused = response.is_client_error or response.is_redirect
    if refused and response.status_code != _REQUEST_TIMEOUT:
        raise BrokerRefusedError(response.status_code, _message(response), request_id)
    if not response.is_success:
        raise unclear(f"broker answered {response.status_code} (request id {request_id})")
    if not response.content:
        return None
    try:
        return parse_json(response.content)
    except MalformedMessageError as error:
        raise unclear(f"broker's answer is not JSON (request id {request_id})") from error


def _rate_limit(response: httpx.Response) -> RateLimit | None:
    """Read the X-RateLimit-* headers, which not every response has."""
    try:
        limit, remaining, reset = (
            int(response.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset")
        )
        return RateLimit(limit, remaining, datetime.fromtimestamp(reset, UTC))
    except (KeyError, ValueError, OverflowError, OSError):
        return None


def _message(response: httpx.Response) -> str:
    """Return the broker's own words; a body may be JSON without a message, HTML or empty."""
    try:
        document = parse_json(response.content)
    except MalformedMessageError:
        return response.reason_phrase
    message = document.get("message") if isinstance(document, dict) else None
    return str(message) if message else response.reason_phrase
