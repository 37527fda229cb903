"""Firebase-shaped ID tokens of local users, and the public key that verifies them.

The key is of this folder only: it opens nothing outside this machine.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from werkzeug.wrappers import Response

from infra.local.key_files import write_key

# Firebase's last an hour; a local stack is left running for days.
_LIFETIME = timedelta(days=30)
_ALGORITHM = "RS256"


def id_token(
    key_file: Path, project: str, firebase_uid: str, now: datetime, **changes: object
) -> str:
    """Return a token with the claims of a real one, and these changes."""
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
    payload = json.dumps({**claims, **changes}).encode()
    key = _private_key(key_file)
    return jwt.PyJWS().encode(payload, key, _ALGORITHM, {"kid": _key_id(key)})


def key_server(key_file: Path) -> Response:
    """Return an application that serves the public key as Google serves its own."""
    kept = {"Cache-Control": "public, max-age=60"}
    return Response(jwk_set(key_file), content_type="application/json", headers=kept)


def jwk_set(key_file: Path) -> str:
    """Return the public key as a set of one (RFC 7517)."""
    key = _private_key(key_file)
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return json.dumps({"keys": [public | {"kid": _key_id(key), "alg": _ALGORITHM, "use": "sig"}]})


def _private_key(key_file: Path) -> rsa.RSAPrivateKey:
    """Read the folder's key, made at the first use."""
    if not key_file.exists():
        write_key(key_file, rsa.generate_private_key(public_exponent=65537, key_size=2048))
    key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{key_file} holds no RSA key")
    return key


def _key_id(key: rsa.RSAPrivateKey) -> str:
    """Name a key by its content, as Google does."""
    return f"{key.public_key().public_numbers().n % 2**64:016x}"
