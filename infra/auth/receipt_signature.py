"""Signs receipts, and checks their signatures: JSON Web Signatures (RFC 7515) with ES256."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import ECAlgorithm
from jwt.utils import base64url_encode, der_to_raw_signature

from common.errors import InvalidReceiptError, PermanentError
from common.receipts.canonical import canonical
from common.receipts.receipt import Receipt
from common.receipts.verification import checked
from infra.runtime.settings import SettingsError

ALGORITHM, TYPE = "ES256", "countersign-receipt"
LARGEST_RECEIPT = 4 * 1024 * 1024
_CURVE = ec.SECP256R1()
# In the one form that each signature has: 64 bytes are 86 characters, without padding.
_COMPACT = re.compile(rb"[A-Za-z0-9_-]{1,1000}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")


class SigningKey(Protocol):
    """A private key of P-256, wherever it is kept."""

    def sign(self, content: bytes) -> bytes:
        """Return an ECDSA signature over the SHA-256 of the content, in DER."""

    def public_key(self) -> str:
        """Return the public key, as PEM."""


class _KeptElsewhere(ECAlgorithm):
    """ES256 with a key that signs by itself."""

    def __init__(self) -> None:
        super().__init__(ECAlgorithm.SHA256, ec.SECP256R1)

    def prepare_key(self, key: Any) -> Any:
        return key

    def check_key_length(self, key: Any) -> None:
        del key

    def sign(self, msg: bytes, key: Any) -> bytes:
        try:
            return der_to_raw_signature(key.sign(msg), _CURVE)
        except ValueError as error:
            raise PermanentError("the signing key made no signature of P-256") from error


class ReceiptSigner:
    """Signs receipts with one key."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._jws = jwt.PyJWS(algorithms=[])
        self._jws.register_algorithm(ALGORITHM, _KeptElsewhere())

    @cached_property
    def public_key(self) -> str:
        """The public key that these receipts verify with, as PEM; raises as `sign` does."""
        with _keys_errors():
            return self._key.public_key()

    def sign(self, payload: str) -> str:
        """Return the signed receipt: a compact JWS.

        It is verified before it is handed out. Raises SettingsError where the key cannot be used,
        TransientError where it cannot be reached.
        """
        key: Any = self._key
        with _keys_errors():
            headers = {"typ": TYPE, "kid": key_id(self.public_key)}
            signed = self._jws.encode(payload.encode(), key, ALGORITHM, headers)
            verified(signed.encode(), self.public_key)
        return signed


@contextmanager
def _keys_errors() -> Iterator[None]:
    """Say of an error that it is no fault of who asked for a receipt."""
    try:
        yield
    except PermanentError as error:
        raise SettingsError(f"receipts cannot be signed: {error}") from error


def verified(receipt: bytes, public_key: str) -> Receipt:
    """Return a receipt that was signed with this key (PEM) and is in order in itself.

    Raises InvalidReceiptError.
    """
    return checked(signed_payload(receipt, public_key))


def signed_payload(receipt: bytes, public_key: str) -> bytes:
    """Return what was signed with this key (PEM); raises InvalidReceiptError.

    One line end after the receipt is none of it. Raises PermanentError where this is no such key.
    """
    compact = receipt.removesuffix(b"\n")
    if len(compact) > LARGEST_RECEIPT or not _COMPACT.fullmatch(compact):
        raise InvalidReceiptError("it is no compact JWS")
    key = _loaded(public_key)
    try:
        found = jwt.PyJWS().decode_complete(compact, key, [ALGORITHM])
    except jwt.PyJWTError as error:
        raise InvalidReceiptError(str(error)) from error
    expected = {"alg": ALGORITHM, "kid": key_id(public_key), "typ": TYPE}
    if found["header"] != expected:
        raise InvalidReceiptError(f"its header is not {expected}")
    payload: bytes = found["payload"]
    return payload


def key_id(public_key: str) -> str:
    """Name a public key (PEM) by its thumbprint (RFC 7638); raises PermanentError."""
    jwk = ECAlgorithm.to_jwk(_loaded(public_key), as_dict=True)
    named = canonical({name: jwk[name] for name in ("crv", "kty", "x", "y")})
    return base64url_encode(hashlib.sha256(named.encode()).digest()).decode()


def _loaded(public_key: str) -> ec.EllipticCurvePublicKey:
    try:
        key = load_pem_public_key(public_key.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PermanentError("this is no public key (PEM)") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != _CURVE.name:
        raise PermanentError("this is no public key of the curve P-256")
    return key
