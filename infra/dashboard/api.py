"""Posts the daily snapshot to the dashboard API, signed (kpis.md section 1)."""

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from common.errors import MalformedMessageError, PermanentError, TransientError
from common.model import parse_json
from common.signing import sign_body
from infra.transport import Secret, reveal, transport_errors

_TOO_MANY_REQUESTS = 429
# Rebuilding a day on the other side takes it some seconds.
_TIMEOUT = httpx.Timeout(30, connect=3)


class DashboardApi:
    """The dashboard's endpoint for snapshots. Posting the same day again replaces it."""

    def __init__(
        self,
        base_url: str,
        endpoint: str,
        token: Secret,
        signing_secret: Secret,
        *,
        attempts: int = 4,
        longest_wait_seconds: float = 8,
    ) -> None:
        self._endpoint = endpoint
        self._token = token
        self._signing_secret = signing_secret
        self._client = httpx.Client(base_url=base_url, timeout=_TIMEOUT)
        self._retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(attempts),
            wait=wait_exponential_jitter(multiplier=0.5, max=longest_wait_seconds),
            reraise=True,
        )

    def post(self, body: bytes) -> str | None:
        """Sign and send these bytes; return the dashboard's request id.

        Raises PermanentError when it refused (wrong token, signature or body) and TransientError
        when it stayed unreachable over all attempts.
        """
        return self._retrying.copy()(self._post_once, body)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _post_once(self, body: bytes) -> str | None:
        headers = {
            "Content-Type": "application/json",
            "X-Internal-Token": reveal(self._token),
            "X-Signature": sign_body(reveal(self._signing_secret), body),
        }
        # A repeated post replaces the day: a broken call may simply be sent again.
        with transport_errors("the dashboard", writes=False):
            response = self._client.post(self._endpoint, content=body, headers=headers)
        if response.is_server_error or response.status_code == _TOO_MANY_REQUESTS:
            raise TransientError(f"dashboard answered {response.status_code}: {_said(response)}")
        if not response.is_success:
            raise PermanentError(f"dashboard answered {response.status_code}: {_said(response)}")
        return _request_id(response)


def _request_id(response: httpx.Response) -> str | None:
    """Return the id by which the other side can find this call, from the header or the body."""
    header: str | None = response.headers.get("X-Request-Id")
    try:
        document = parse_json(response.content)
    except MalformedMessageError:
        return header
    return header or (document.get("request_id") if isinstance(document, dict) else None)


def _said(response: httpx.Response) -> str:
    """Return the beginning of what it said: enough to act on, never a page."""
    return response.text[:200]
