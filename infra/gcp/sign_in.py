"""What it means when Google's libraries cannot sign in: to be tried again, or a person must act."""

from google.auth import exceptions as auth

from common.errors import PermanentError, TradingError, TransientError
from infra.runtime.settings import env_var

NO_CREDENTIALS = (
    "no credentials: run `gcloud auth application-default login`, or give the function a service"
    " account"
)

# What Cloud Run sets: https://docs.cloud.google.com/run/docs/container-contract#env-vars
_CLOUD_RUN = ("K_SERVICE", "CLOUD_RUN_JOB", "CLOUD_RUN_WORKER_POOL")


def no_credentials(subject: str, error: auth.GoogleAuthError) -> TradingError:
    """Return what a failed sign-in means: to be tried again, or to be set up by a person."""
    if error.retryable or _is_unreached(error) or _lacks_its_account(error):
        return TransientError(f"{subject}: signing in failed ({type(error).__name__})")
    return PermanentError(f"{subject}: {NO_CREDENTIALS} ({type(error).__name__})")


def _is_unreached(error: auth.GoogleAuthError) -> bool:
    """Whether nobody answered: the library does not call that retryable, and may wrap it."""
    return any(isinstance(each, auth.TransportError) for each in (error, *error.args))


def _lacks_its_account(error: auth.GoogleAuthError) -> bool:
    """Whether Cloud Run gave no account, though it has one for each: its server did not answer.

    The library takes a metadata server that is silent at the very first look for a machine that
    is not Google's. A key file that somebody named is theirs to mend.
    """
    return (
        isinstance(error, auth.DefaultCredentialsError)
        and any(map(env_var, _CLOUD_RUN))
        and not env_var("GOOGLE_APPLICATION_CREDENTIALS")
    )
