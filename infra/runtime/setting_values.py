"""What the value of a setting may be: hosts, switches, and names that go into SQL or a URL."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

LIVE_HOST = "api.alpaca.markets"
PAPER_HOST = "paper-api.alpaca.markets"
GOOGLE_KEYS = (
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
)
DATA_HOST = "data.alpaca.markets"
CLOUDFLARE_API = "https://api.cloudflare.com/client/v4"
_LOOPBACK = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
_ORIGIN = r"(https://[a-z0-9.-]+(:\d{1,5})?|http://(localhost|127\.0\.0\.1)(:\d{1,5})?)"
ORIGINS = f"^({_ORIGIN}(,{_ORIGIN})*)?$"
_TLS = re.compile(r"https://[^/\s@]+(/\S*)?\Z")
# The name of a secret in Secret Manager, in place of the secret itself.
SECRET_NAME = re.compile(r"projects/[^/\s]+/secrets/[^/\s]+/versions/[^/\s]+")


def _only_true(value: object) -> object:
    """Read a switch: `true` is on, and anything unclear is off."""
    return value is True or value == "true"


def exactly(url: str, *known: str) -> str:
    """Return the URL without its last slash if it is known or this machine's; nothing like it.

    Raises ValueError for any other.
    """
    plain = url.removesuffix("/")
    if plain not in known and not is_loopback(plain):
        others = f"{' or '.join(known)}, or " if known else ""
        raise ValueError(f"must be {others}on this machine")
    return plain


def is_loopback(url: str) -> bool:
    """Return whether this is an address of this machine, without a path."""
    return _LOOPBACK.fullmatch(url) is not None


def encrypted(url: str) -> str:
    """Return a URL that nobody on its way can read or change: with TLS, or on this machine.

    Raises ValueError for any other.
    """
    if not (_TLS.match(url) or is_loopback(url.removesuffix("/"))):
        raise ValueError("must be https, or on this machine")
    return url


def is_secret_name(value: str) -> bool:
    """Return whether this names a secret in Secret Manager."""
    return SECRET_NAME.fullmatch(value) is not None


def can_be_sent(text: str) -> bool:
    """Return whether a text can be the value of a header as it is."""
    return text.isascii() and text.isprintable() and " " not in text


# A switch that opens something dangerous: only the exact word turns it on.
StrictFlag = Annotated[bool, BeforeValidator(_only_true)]
# The name of a table or materialized view: it is put into SQL, where it cannot be bound.
TableName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$")]

# An identifier that becomes a part of a URL's path.
PathPart = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]*$")]
