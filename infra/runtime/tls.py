"""One TLS context for all HTTP clients of a process."""

import functools
import ssl

import httpx


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Return the context that httpx makes by default.

    It makes one per client otherwise, and reading the authorities' certificates takes some 20 ms,
    three times over at each cold start.
    """
    return httpx.create_ssl_context()
