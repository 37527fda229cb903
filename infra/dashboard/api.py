"""Posts the daily snapshot to the dashboard API, signed (docs/snapshot.md)."""

from http import HTTPStatus

import httpx

from common.errors import MalformedMessageError, PermanentError
from common.model import parse_json
from common.signing import sign_body
from infra.dashboard.retries import RefusedError, Retries, refuse_failure
from infra.runtime.http_errors import TIMEOUT, Secret, reveal, transport_errors
from infra.runtime.tls import tls_context


class DashboardApi:
    """The dashboard's endpoint for snapshots. Posting the same day again replaces it."""

    def __init__(
        self,
        base_url: str,
        endpoint: str,
        token: Secret,
        signing_secret: Secret,
        *,
        attempts: int = 8,
        deadline_seconds: float = 120,
        longest_wait_seconds: float = 30,
    ) -> None:
        self._endpoint = endpoint
        self._token = token
        self._signing_secret = signing_secret
        self._client = httpx.Client(verify=tls_context(), base_url=base_url)
        self._retry = Retries(attempts, deadline_seconds, longest_wait_seconds)

    def post(self, body: bytes) -> str | None:
        """Sign and send these bytes; return the dashboard's request id.

        Raises PermanentError when it refused (wrong token, signature or body) and TransientError
        when it stayed unreachable until the deadline: it may hold all of the day, some or none.
        """
        return self._retry(lambda timeout: _request_id(self._post_once(body, timeout)))

    def prove_secrets(self) -> None:
        """Let the dashboard judge both secrets without storing anything, once.

        It looks at the token, then at the signature, then at the body: a signed `null` is refused
        with 400 only after both were accepted. Raises PermanentError with any other answer, and
        TransientError when there is none.
        """
        try:
            self._post_once(b"null", TIMEOUT)
        except RefusedError as error:
            if error.status != HTTPStatus.BAD_REQUEST:
                raise
        else:
            raise PermanentError("the dashboard took a body that holds nothing")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _post_once(self, body: bytes, timeout: httpx.Timeout) -> httpx.Response:
        headers = {
            "Content-Type": "application/json",
            "X-Internal-Token": reveal(self._token),
            "X-Signature": sign_body(reveal(self._signing_secret), body),
        }
        # A repeated post replaces the day: a broken call may simply be sent again.
        with transport_errors("the dashboard", writes=False):
            response = self._client.post(
                self._endpoint, content=body, headers=headers, timeout=timeout
            )
        refuse_failure("dashboard", response)
        return response


def _request_id(response: httpx.Response) -> str | None:
    """Return the id by which the other side can find this call, from the header or the body."""
    header: str | None = response.headers.get("X-Request-Id")
    try:
        document = parse_json(response.content)
    except MalformedMessageError:
        return header
    return header or (document.get("request_id") if isinstance(document, dict) else None)
