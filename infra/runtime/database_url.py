"""What a database's URL says, as the arguments of the driver."""

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


def connection_arguments(database_url: str, *, timeout_seconds: float = 10) -> dict[str, Any]:
    """Read a `postgresql://` URL, over TCP or (`?host=/folder`) a socket.

    Raises ValueError, without quoting it, when the URL cannot be read.
    """
    try:
        url = urlsplit(database_url)
        port = url.port or 5432
    except ValueError:
        raise ValueError("not a URL: special characters of a password must be escaped") from None
    if url.scheme not in {"postgresql", "postgres"}:
        raise ValueError("must begin with postgresql://")
    options = {name: values[-1] for name, values in parse_qs(url.query).items()}
    host = options.get("host") or url.hostname or "localhost"
    arguments: dict[str, Any] = {
        "user": unquote(url.username or "postgres"),
        "password": unquote(url.password) if url.password else None,
        "database": unquote(url.path.removeprefix("/")) or "postgres",
        "timeout": timeout_seconds,
        "application_name": "countersign",
    }
    if host.startswith("/"):
        # A socket needs no encryption: preparing for it would cost more than the connection.
        arguments |= {"unix_sock": f"{host}/.s.PGSQL.{port}", "ssl_context": False}
    else:
        arguments |= {"host": host, "port": port, "ssl_context": _ssl_context(options)}
    return arguments


def _ssl_context(options: Mapping[str, str]) -> ssl.SSLContext | bool | None:
    """Read `sslmode` as libpq does; without one, SSL is used where the server offers it."""
    mode = options.get("sslmode", "prefer")
    if mode in {"verify-ca", "verify-full"}:
        context = ssl.create_default_context(cafile=options.get("sslrootcert"))
        context.check_hostname = mode == "verify-full"
        return context
    return {"disable": False, "allow": None, "prefer": None, "require": True}[mode]
