"""Connects to Cloud SQL for Postgres: IAM authentication over TLS, by Google's own connector.

The connector is imported and started when the first connection is made: it is heavy.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from common.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from google.cloud.sql.connector import Connector

IpType = Literal["private", "public", "psc"]
_FORBIDDEN, _NOT_FOUND, _TOO_MANY_REQUESTS, _SERVER_ERROR = 403, 404, 429, 500


class CloudSql:
    """One database of one instance (`project:region:name`); calling it makes a connection.

    `user` is the IAM user: a service account's address without `.gserviceaccount.com`. `options`
    go to the connector, for a test that stands in for Google.
    """

    def __init__(
        self,
        instance: str,
        database: str,
        user: str,
        ip_type: IpType = "private",
        *,
        timeout_seconds: float = 10,
        **options: Any,
    ) -> None:
        self._instance = instance
        self._arguments = {"db": database, "user": user, "application_name": "countersign"}
        self._ip_type = ip_type
        self._timeout_seconds = timeout_seconds
        self._options = options
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connector: Connector | None = None

    def __call__(self) -> Any:
        """Connect (a pg8000 connection).

        Raises PermanentError when a person must act, TransientError or the driver's own errors
        otherwise. The connector fetches address and certificate anew after any failure, so that
        the next attempt finds an instance that failed over.
        """
        with self._lock, _connector_errors(self._instance):
            loop, connector = self._start()
        connecting = asyncio.run_coroutine_threadsafe(
            connector.connect_async(self._instance, "pg8000", **self._arguments), loop
        )
        with _connector_errors(self._instance):
            connection = connecting.result(self._timeout_seconds)
        # The connector opens the socket itself, without a timeout.
        connection._usock.settimeout(self._timeout_seconds)  # noqa: SLF001 (pg8000's only way)
        return connection

    def close(self) -> None:
        """End the connector; connections that it made stay."""
        with self._lock:
            if self._loop is not None and self._connector is not None:
                closing = asyncio.run_coroutine_threadsafe(
                    self._connector.close_async(), self._loop
                )
                closing.result(self._timeout_seconds)
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(self._timeout_seconds)
                self._loop.close()
                self._loop = self._connector = None

    def _start(self) -> "tuple[asyncio.AbstractEventLoop, Connector]":
        from google.cloud.sql.connector import Connector, RefreshStrategy  # noqa: PLC0415 (heavy)

        if self._loop is None or self._connector is None:
            loop = asyncio.new_event_loop()
            connector = Connector(
                ip_type=self._ip_type,
                enable_iam_auth=True,
                # Between requests a function has no CPU to refresh a certificate in the background.
                refresh_strategy=RefreshStrategy.LAZY,
                loop=loop,
                **self._options,
            )
            self._thread = threading.Thread(target=loop.run_forever, daemon=True)
            self._thread.start()
            self._loop, self._connector = loop, connector
        return self._loop, self._connector


@contextmanager
def _connector_errors(instance: str) -> Iterator[None]:
    """Translate what the connector raises; the driver's errors and OSError are left to the pool."""
    import aiohttp  # noqa: PLC0415 (comes with the connector)
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
    from google.cloud.sql.connector.exceptions import (  # noqa: PLC0415
        AutoIAMAuthNotSupported,
        CloudSQLIPTypeError,
    )

    from infra.gcp.sign_in import no_credentials  # noqa: PLC0415

    try:
        yield
    except aiohttp.ClientResponseError as error:
        raise _refused(instance, error.status, error.message) from error
    except GoogleAuthError as error:
        raise no_credentials(f"Cloud SQL instance {instance}", error) from error
    except CloudSQLIPTypeError as error:
        raise PermanentError(
            f"Cloud SQL instance {instance} has no address of this kind: check CLOUD_SQL_IP"
        ) from error
    except (AutoIAMAuthNotSupported, ValueError) as error:
        raise PermanentError(f"Cloud SQL instance {instance}: {error}") from error


def _refused(instance: str, status: int, message: str) -> Exception:
    subject = f"Cloud SQL instance {instance}"
    if status == _FORBIDDEN:
        return PermanentError(
            f"{subject} may not be used: grant this service account roles/cloudsql.client and"
            " roles/cloudsql.instanceUser"
        )
    if status == _NOT_FOUND:
        return PermanentError(f"{subject} is not there: check CLOUD_SQL_INSTANCE")
    if status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR:
        return TransientError(f"{subject}: Google answered {status}")
    return PermanentError(f"{subject}: Google answered {status} ({message})")
