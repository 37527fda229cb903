"""The signature of a snapshot's body (docs/snapshot.md)."""

import hashlib
import hmac


def sign_body(secret: str, body: bytes) -> str:
    """Return lowercase hex HMAC-SHA256 over the exact bytes that are sent."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
