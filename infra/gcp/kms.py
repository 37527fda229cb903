"""A signing key in Cloud KMS, which never leaves it."""

import binascii
import hashlib
from base64 import b64decode, b64encode

from common.errors import PermanentError
from infra.gcp.rest import GoogleRest, Json

_ALGORITHM = "EC_SIGN_P256_SHA256"


class KmsSigningKey:
    """A version of an asymmetric key, by its name `projects/…/cryptoKeyVersions/…`."""

    def __init__(self, name: str, google: GoogleRest) -> None:
        self._name = name
        self._google = google

    def sign(self, content: bytes) -> bytes:
        """Return an ECDSA signature over the SHA-256 of the content, in DER.

        Raises PermanentError where the key is not there or not ours to use, TransientError where
        Cloud KMS does not answer.
        """
        digest = b64encode(hashlib.sha256(content).digest()).decode()
        body = {"digest": {"sha256": digest}}
        reply = self._google.post("cloudkms", f"v1/{self._name}:asymmetricSign", body)
        try:
            return b64decode(self._told(reply, "signature"), validate=True)
        except binascii.Error as error:
            raise PermanentError("Cloud KMS sent a signature that is no base64") from error

    def public_key(self) -> str:
        """Return the public key, as PEM; raises as `sign` does, and for a key of another kind."""
        reply = self._google.get("cloudkms", f"v1/{self._name}/publicKey")
        if (kind := self._told(reply, "algorithm")) != _ALGORITHM:
            raise PermanentError(f"key {self._name} is {kind}, and must be {_ALGORITHM}")
        return self._told(reply, "pem")

    def _told(self, reply: Json | None, field: str) -> str:
        if reply is None:
            raise PermanentError(f"there is no key {self._name}: correct RECEIPT_KMS_KEY")
        if not isinstance(told := reply.get(field), str):
            raise PermanentError(f"Cloud KMS sent no {field}")
        return told
