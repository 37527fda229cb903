"""What it means when Google's libraries cannot sign in: to be tried again, or a person must act."""

from google.auth import exceptions as auth

from common.errors import PermanentError, TradingError, TransientError

NO_CREDENTIALS = (
    "no credentials: run `gcloud auth application-default login`, or give the function a service"
    " account"
)


def no_credentials(subject: str, error: auth.GoogleAuthError) -> TradingError:
    """Return what a failed sign-in means: to be tried again, or to be set up by a person."""
    if error.retryable or _is_unreached(error):
        return TransientError(f"{subject}: signing in failed ({type(error).__name__})")
    return PermanentError(f"{subject}: {NO_CREDENTIALS} ({type(error).__name__})")


def _is_unreached(error: auth.GoogleAuthError) -> bool:
    """Whether nobody answered: the library does not call that retryable, and may wrap it."""
    return any(isinstance(each, auth.TransportError) for each in (error, *error.args))
