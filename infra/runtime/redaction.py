"""Keeps secrets out of what is written: known values, and what looks like one.

Process-wide on purpose: whoever writes a line, whatever its secrets came from, they are hidden.
"""

import json
import re
import threading
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "[hidden]"
# Shorter than this nothing is a secret: hiding it would only blank out words.
SHORTEST = 6

_HEADERS = (
    "(?:proxy-)?authorization|apca-api-(?:key-id|secret-key)|x-internal-token|x-signature"
    "|webhook-signature|(?:set-)?cookie"
)
_FIELDS = "password|passwd|secret|secret[-_]key|token|api[-_]?key"
_NAMED = re.compile(f"(?i)(?:{_HEADERS}|{_FIELDS})$")
# Without one of these no name stands before a value: ids, symbols and numbers are quickly done.
_SEPARATOR = re.compile(r"[=:,\s]")
_PATTERNS = (
    # A header by its name, quoted or not, with an optional scheme before its value.
    re.compile(
        rf"""(?i)((?:{_HEADERS})["']?\s*[:=,]\s*(?:b(?=["']))?["']?)(?:(?:bearer|basic)\s+)?[^\s"']+"""
    ),
    # A field that says what it is; not "password: too short", which people write.
    re.compile(rf"""(?i)((?:{_FIELDS})(?:["']\s*[:,]|\s*=)\s*(?:b(?=["']))?["']?)[^\s"'&]+"""),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[a-z0-9._~+/=-]{6,}"),
    # user:password@ of a URL.
    re.compile(r"(://[^\s:/@]*:)[^\s/@]+(?=@)"),
)

_lock = threading.Lock()
_known: frozenset[str] = frozenset()
_values: re.Pattern[str] | None = None


def hide(*secrets: str) -> None:
    """Hide these values, however they are quoted or escaped, from everything written from now on.

    Of a URL with a password, the password is hidden too; a database's URL without is no secret.
    """
    global _known, _values  # noqa: PLW0603 (process-wide on purpose)
    wanted = {form for secret in secrets for part in _parts(secret) for form in _forms(part)}
    if wanted <= _known:
        return
    with _lock:
        _known |= wanted
        longest_first = sorted(_known, key=len, reverse=True)
        _values = re.compile("|".join(map(re.escape, longest_first)))


def clean(text: str) -> str:
    """Return the text without the secrets in it."""
    if _values is not None:
        text = _values.sub(HIDDEN, text)
    if _SEPARATOR.search(text) is None:
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


def cleaned(value: object) -> object:
    """Return a value for JSON without the secrets in it: texts cleaned, unknown things as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if clean(str(value)) == str(value) else HIDDEN
    if isinstance(value, Mapping):
        return {clean(str(key)): _of_key(str(key), item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [cleaned(item) for item in value]
    return clean(str(value))


def _of_key(key: str, value: object) -> object:
    """Clean a value that stands under a name, which may say that it is a secret."""
    if isinstance(value, str | bytes) and _NAMED.search(key):
        return HIDDEN
    return cleaned(value)


def _parts(secret: str) -> set[str]:
    """Return the secret, and the password in it if it is a URL."""
    try:
        url = urlsplit(secret)
        password = url.password or ""
    except ValueError:
        url, password = None, ""
    if url and url.scheme == "postgresql" and not password:
        return set()
    parts = {secret, password, unquote(password)}
    return {part for part in parts if len(part) >= SHORTEST}


def _forms(secret: str) -> set[str]:
    """Return how a text may look where it is quoted: as it is, escaped by Python, JSON or a URL."""
    return {
        secret,
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret),
        quote(secret, safe=""),
    }
