"""What a secret must be so that nobody guesses it."""

import binascii
from base64 import b64decode

_PREFIX = "whsec_"
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
_KEY_BYTES = range(24, 65)
_SHORTEST = 16
_CHOSEN_BY_US = frozenset({"internal_token", "signing_secret"})


def weakness(name: str, value: str) -> str | None:
    """Say why a setting's secret cannot be used, without quoting it; None when it can."""
    if name == "answer_webhook_secret":
        return _weakness_of_webhook_secret(value)
    if name in _CHOSEN_BY_US and len(value) < _SHORTEST:
        return f"must have {_SHORTEST} characters or more (`openssl rand -hex 32`)"
    return None


def _weakness_of_webhook_secret(value: str) -> str | None:
    key = value.removeprefix(_PREFIX)
    try:
        size = len(b64decode(key + "=" * (-len(key) % 4), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if key == value or size not in _KEY_BYTES:
        return f"must be {_PREFIX} and the base64 of {_KEY_BYTES[0]} to {_KEY_BYTES[-1]} bytes"
    return None
