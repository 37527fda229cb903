"""Translates every failure of an HTTP call into permanent, transient or outcome-unknown.

Only a request that never left this machine is safe to send again, whatever it asks for. Any other
broken call may have happened: for a read that does not matter, for a write it must be reconciled.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from common.errors import OutcomeUnknownError, PermanentError, TransientError

# A secret, or what returns the one of this moment: clients outlive a rotation.
Secret = str | Callable[[], str]

TIMEOUT = httpx.Timeout(10, connect=3)

# The request never left: no connection, or none free in the pool.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# A bug in our own request, refused before anything was sent.
_MALFORMED = (httpx.InvalidURL, httpx.UnsupportedProtocol)
# These quote what could not be sent, which may be a header with a key: they are never chained.
_QUOTING = (*_MALFORMED, httpx.LocalProtocolError)


def reveal(secret: Secret) -> str:
    """Return the secret of this moment."""
    return secret if isinstance(secret, str) else secret()


@contextmanager
def transport_errors(peer: str, *, writes: bool) -> Iterator[None]:
    """Raise ours for any of httpx's; messages name the peer and the kind, never URL or headers."""
    try:
        yield
    except _NEVER_SENT as error:
        raise TransientError(f"{peer} cannot be reached ({type(error).__name__})") from error
    except _MALFORMED as error:
        raise PermanentError(f"request to {peer} is malformed ({type(error).__name__})") from None
    except (httpx.HTTPError, httpx.StreamError) as error:
        kind = OutcomeUnknownError if writes else TransientError
        cause = None if isinstance(error, _QUOTING) else error
        raise kind(f"call to {peer} broke off ({type(error).__name__})") from cause
