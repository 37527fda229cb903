"""A signing key in a file of this machine, where no Cloud KMS keeps one."""

from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from common.errors import PermanentError


class LocalSigningKey:
    """A private key of P-256 (PEM, without a password), read when it is first used."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def sign(self, content: bytes) -> bytes:
        """Return an ECDSA signature over the SHA-256 of the content, in DER."""
        return self._key.sign(content, ec.ECDSA(SHA256()))

    def public_key(self) -> str:
        """Return the public key, as PEM; raises PermanentError as `sign` does."""
        key = self._key.public_key()
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        """Raises PermanentError where the file holds no such key."""
        try:
            key = load_pem_private_key(self._file.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise PermanentError(f"{self._file} holds no private key (PEM)") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise PermanentError(f"{self._file} holds no private key of the curve P-256")
        return key
