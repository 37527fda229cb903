"""Firebase-shaped ID tokens of local users, signed with a key of this folder only."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from google.auth.crypt import RSASigner

# Firebase's last an hour; a local stack is left running for days.
_LIFETIME = timedelta(days=30)
_KEY_ID = "local"


def id_token(key_file: Path, project: str, firebase_uid: str, now: datetime) -> str:
    """Return a token with the claims of a real one."""
    claims: Mapping[str, object] = {
        "iss": f"https://securetoken.google.com/{project}",
        "aud": project,
        "sub": firebase_uid,
        "user_id": firebase_uid,
        "auth_time": int(now.timestamp()),
        "iat": int(now.timestamp()),
        "exp": int((now + _LIFETIME).timestamp()),
        "firebase": {"identities": {}, "sign_in_provider": "custom"},
    }
    signer = RSASigner.from_string(_private_key(key_file), key_id=_KEY_ID)  # type: ignore[no-untyped-call]
    token: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
    return token.decode()


def _private_key(key_file: Path) -> bytes:
    """Read the folder's key, made at the first use."""
    if not key_file.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        key_file.touch(mode=0o600)
        key_file.write_bytes(pem)
    return key_file.read_bytes()
