"""Calls Google's REST APIs, where nothing is changed: reads, and questions asked by POST."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from common.errors import PermanentError, TransientError
from infra.gcp.access_token import AccessToken
from infra.runtime.http_errors import TIMEOUT, transport_errors
from infra.runtime.tls import tls_context

Json = dict[str, Any]

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_FORBIDDEN, _NOT_FOUND, _TOO_MANY = 403, 404, 429


def _google(service: str) -> str:
    return f"https://{service}.googleapis.com"


class GoogleRest:
    """Google's APIs by service name (`pubsub`) and path (`v1/projects/…`)."""

    def __init__(
        self,
        base_url: Callable[[str], str] = _google,
        authorization: Callable[[], dict[str, str]] | None = None,
    ) -> None:
        """`base_url` says where a service is; `authorization` returns the header for a call."""
        self._base_url = base_url
        self._authorization = authorization or AccessToken("Google", _SCOPE).header
        self._client = httpx.Client(verify=tls_context(), timeout=TIMEOUT)

    def get(self, service: str, path: str, **params: str) -> Json | None:
        """Return what a path holds, None where nothing is.

        Raises PermanentError when it may not be read, TransientError when Google does not answer.
        """
        return self._call("GET", service, path, params=params)

    def post(self, service: str, path: str, body: Mapping[str, Any]) -> Json | None:
        """Return the answer to a question that is asked by POST; raises as `get` does."""
        return self._call("POST", service, path, json=body)

    def list(self, service: str, path: str, items: str, **params: str) -> Iterator[Json]:
        """Yield the items of all pages of a list; raises as `get` does."""
        token = ""
        while True:
            page = self.get(service, path, **params, **({"pageToken": token} if token else {}))
            yield from (page or {}).get(items, [])
            token = (page or {}).get("nextPageToken", "")
            if not token:
                return

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _call(self, method: str, service: str, path: str, **sent: Any) -> Json | None:
        url = f"{self._base_url(service)}/{path}"
        with transport_errors(service, writes=False):
            reply = self._client.request(method, url, headers=self._authorization(), **sent)
        if reply.status_code == _NOT_FOUND:
            return None
        if reply.is_success:
            answer: Json = reply.json()
            return answer
        kind = (
            TransientError
            if reply.is_server_error or reply.status_code == _TOO_MANY
            else PermanentError
        )
        raise kind(f"{service} answered {reply.status_code}: {_reason(reply)}")


def _reason(reply: httpx.Response) -> str:
    try:
        return str(reply.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "no reason given"
