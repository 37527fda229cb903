"""Verifies Firebase ID tokens as Google's documentation prescribes; a token names one user.

Whether an account was disabled since the token was issued is not asked: tokens last an hour.
"""

from datetime import datetime
from typing import Annotated

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import InvalidSignatureError
from infra.auth.firebase_keys import ALGORITHM, FirebaseKeys
from infra.auth.identity import Identity

ISSUER = "https://securetoken.google.com/"
# Google's clocks and ours: a token that was issued this much in our future is believed.
CLOCK_SKEW_SECONDS = 10
_LONGEST_TOKEN = 8192
# Signature, audience and issuer are the library's to check; the clock is ours.
_CHECKS: jwt.types.Options = {
    "require": ["iss", "aud", "sub", "iat", "exp", "auth_time"],
    "strict_aud": True,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "enforce_minimum_key_length": True,
}

Seconds = Annotated[int, Field(strict=True)]


class _Claims(BaseModel, defer_build=True):
    """What is read of a verified token; the project may have added claims of its own."""

    model_config = ConfigDict(extra="allow")

    sub: Annotated[str, Field(strict=True, min_length=1, max_length=128)]
    iat: Seconds
    exp: Seconds
    auth_time: Seconds


class FirebaseTokens:
    """The ID tokens of one Firebase project."""

    def __init__(self, project: str, keys: FirebaseKeys) -> None:
        self._project = project
        self._keys = keys

    def verify(self, token: str, now: datetime) -> Identity:
        """Return who the user is.

        Raises InvalidSignatureError, whose text says why and never quotes the token, and
        TransientError when the public keys cannot be had.
        """
        if len(token) > _LONGEST_TOKEN:
            raise InvalidSignatureError("the token is too long")
        try:
            claims = self._decode(token, now)
        except (jwt.PyJWTError, ValidationError) as error:
            raise InvalidSignatureError(f"the token is not valid ({_kind(error)})") from error
        return Identity(_in_time(claims, now).sub, claims.model_extra or {})

    def _decode(self, token: str, now: datetime) -> _Claims:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != ALGORITHM:  # before anything is fetched for it
            raise InvalidSignatureError("the token's algorithm is not ours")
        key_id = header.get("kid")
        key = self._keys.get(key_id, now) if isinstance(key_id, str) else None
        if key is None:
            raise InvalidSignatureError("the token's key is not one of Google's")
        document = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=self._project,
            issuer=ISSUER + self._project,
            options=_CHECKS,
        )
        return _Claims.model_validate(document)


def _in_time(claims: _Claims, now: datetime) -> _Claims:
    """Refuse what has expired, and what was issued or signed in later than now."""
    if claims.exp <= now.timestamp():
        raise InvalidSignatureError("the token has expired")
    latest = now.timestamp() + CLOCK_SKEW_SECONDS
    if claims.iat > latest or claims.auth_time > latest:
        raise InvalidSignatureError("the token is from the future")
    return claims


def _kind(error: jwt.PyJWTError | ValidationError) -> str:
    """Name what is wrong without the library's words, which quote the token."""
    if isinstance(error, ValidationError):
        return "claims " + ", ".join(str(each["loc"][0]) for each in error.errors())
    return type(error).__name__
