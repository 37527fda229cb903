"""What a secret setting stands for: the secret itself, or the name of one in Secret Manager.

A name is resolved when the secret is used and kept a few minutes, so that a rotation needs no
redeploy. What was resolved never appears in a log: it is hidden from there before it is handed out.
"""

from collections.abc import Callable

from common.errors import PermanentError
from infra.runtime import redaction
from infra.runtime.secret_strength import weakness
from infra.runtime.setting_values import can_be_sent, is_secret_name
from infra.runtime.settings import HEADER_SECRETS, Settings, SettingsError


class Secrets:
    """The secrets of the settings. `read` fetches one from Secret Manager by its resource name."""

    def __init__(self, settings: Settings, read: Callable[[str], str]) -> None:
        self._settings = settings
        self._read = read

    def reveal(self, name: str) -> str:
        """Return the present value of a setting's secret.

        Raises SettingsError when it is not set, not there or not readable, for a person must act;
        TransientError when Secret Manager cannot be asked and what it said before is too old.
        """
        given = self._settings.require(name)
        if not is_secret_name(given):
            _refuse_weak(name, given)
            return given
        try:
            value = self._read(given)
        except PermanentError as error:
            raise SettingsError(f"{name.upper()}: {error}") from error
        redaction.hide(value)
        self._refuse_damaged(name, value)
        _refuse_weak(name, value)
        return value

    def refuse_weak(self) -> None:
        """Look at the secrets that are given as they are; raises SettingsError that names one."""
        for name, given in self._settings.secrets.items():
            if not is_secret_name(given):
                _refuse_weak(name, given)

    def provider(self, name: str) -> Callable[[], str]:
        """Return what reveals a secret when it is used; raises SettingsError if it is not set."""
        self._settings.require(name)
        return lambda: self.reveal(name)

    @staticmethod
    def _refuse_damaged(name: str, value: str) -> None:
        if not value or value != value.strip():
            raise SettingsError(
                f"{name.upper()}: its secret is empty, or has a line end or a blank at its edge:"
                " add a version without it (`printf %s`, not `echo`)"
            )
        if name in HEADER_SECRETS and not can_be_sent(value):
            raise SettingsError(f"{name.upper()}: its secret has characters that cannot be sent")


def _refuse_weak(name: str, value: str) -> None:
    if (reason := weakness(name, value)) is not None:
        raise SettingsError(f"{name.upper()}: {reason}", [name.upper()])
