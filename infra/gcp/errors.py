"""Translates what Google's clients raise: what to do about it, and whether to try again.

Imported by the adapters only when they talk to Google: the clients' errors come with gRPC.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from google.api_core import exceptions as api
from google.auth import exceptions as auth

from common.errors import PermanentError, TransientError
from infra.gcp.sign_in import NO_CREDENTIALS, no_credentials

# What a repetition may help: the service or the way to it, or too many calls.
_TRANSIENT = (
    api.ServiceUnavailable,
    api.DeadlineExceeded,
    api.GatewayTimeout,
    api.InternalServerError,
    api.TooManyRequests,
    api.Aborted,
    api.Cancelled,
    api.RetryError,
)


@contextmanager
def google_errors(subject: str, *, not_found: str, denied: str) -> Iterator[None]:
    """Raise ours for any of Google's, naming the subject; `not_found` and `denied` say what to do.

    The text of Google's error is left out where it may quote what was sent.
    """
    try:
        yield
    except api.NotFound as error:
        raise PermanentError(f"{subject} is not there: {not_found}") from error
    except api.PermissionDenied as error:
        raise PermanentError(f"{subject} may not be used: {denied}") from error
    except api.Unauthenticated as error:
        raise PermanentError(f"{subject}: {NO_CREDENTIALS}") from error
    except _TRANSIENT as error:
        raise TransientError(f"{subject} cannot be reached ({type(error).__name__})") from error
    except auth.GoogleAuthError as error:
        raise no_credentials(subject, error) from error
    except api.GoogleAPICallError as error:
        raise PermanentError(f"{subject}: {error.message}") from error
