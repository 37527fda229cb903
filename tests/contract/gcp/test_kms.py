"""Receipts signed by Cloud KMS, over Google's REST API as its discovery document has it."""

from base64 import b64decode, b64encode
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from common.errors import InvalidReceiptError, TradingError, TransientError
from infra.auth.receipt_signature import ReceiptSigner, verified
from infra.gcp.kms import KmsSigningKey
from infra.gcp.rest import GoogleRest
from infra.runtime.settings import SettingsError
from tests.contract.gcp.google_rest import GoogleApis, Json, serving
from tests.unit.receipts.samples import receipt

NAME = "projects/p/locations/us-central1/keyRings/countersign/cryptoKeys/r/cryptoKeyVersions/1"
SIGN, PUBLIC_KEY = ("cloudkms", f"v1/{NAME}:asymmetricSign"), ("cloudkms", f"v1/{NAME}/publicKey")
KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
BIGGER = b64encode(encode_dss_signature(2**300, 1)).decode()  # of another curve


def signature(asked: Json) -> Json:
    """Sign a digest as Cloud KMS does."""
    digest = b64decode(asked["digest"]["sha256"], validate=True)
    made = KEY.sign(digest, ec.ECDSA(Prehashed(SHA256())))
    return {
        "name": NAME,
        "signature": b64encode(made).decode(),
        "signatureCrc32c": "1",
        "protectionLevel": "SOFTWARE",
    }


@pytest.fixture
def apis() -> GoogleApis:
    google = GoogleApis()
    google.answers = {
        SIGN: signature,
        PUBLIC_KEY: {"name": NAME, "algorithm": "EC_SIGN_P256_SHA256", "pem": PEM},
    }
    return google


@pytest.fixture
def google(apis: GoogleApis) -> Iterator[GoogleRest]:
    with serving(apis) as client:
        yield client


def sign(google: GoogleRest) -> bytes:
    return ReceiptSigner(KmsSigningKey(NAME, google)).sign(receipt().to_canonical()).encode()


def test_a_receipt_signed_by_cloud_kms_verifies_with_its_public_key(google: GoogleRest) -> None:
    signed = sign(google)

    assert verified(signed, PEM) == receipt()
    with pytest.raises(InvalidReceiptError):
        verified(signed[:-4] + b"AAAA", PEM)


@pytest.mark.parametrize(
    ("path", "answer", "kind", "message"),
    [
        (SIGN, 404, SettingsError, "there is no key projects/p/"),
        (SIGN, 403, SettingsError, "cloudkms answered 403"),
        (SIGN, 503, TransientError, "cloudkms answered 503"),
        (SIGN, 429, TransientError, "cloudkms answered 429"),
        (SIGN, {"signature": "?"}, SettingsError, "no base64"),
        (SIGN, {}, SettingsError, "Cloud KMS sent no signature"),
        (SIGN, {"signature": "AAAA"}, SettingsError, "made no signature"),
        (SIGN, {"signature": BIGGER}, SettingsError, "cannot be signed"),
        (PUBLIC_KEY, 404, SettingsError, "correct RECEIPT_KMS_KEY"),
        (PUBLIC_KEY, 403, SettingsError, "cloudkms answered 403"),
        (PUBLIC_KEY, 500, TransientError, "cloudkms answered 500"),
        (
            PUBLIC_KEY,
            {"algorithm": "RSA_SIGN_PSS_2048_SHA256", "pem": PEM},
            SettingsError,
            "must be EC_SIGN_P256_SHA256",
        ),
        (PUBLIC_KEY, {}, SettingsError, "Cloud KMS sent no algorithm"),
        (PUBLIC_KEY, {"algorithm": "EC_SIGN_P256_SHA256"}, SettingsError, "Cloud KMS sent no pem"),
        (
            PUBLIC_KEY,
            {"algorithm": "EC_SIGN_P256_SHA256", "pem": "?"},
            SettingsError,
            "no public key",
        ),
    ],
)
def test_what_keeps_a_receipt_from_being_signed_is_told(
    apis: GoogleApis,
    google: GoogleRest,
    path: tuple[str, str],
    answer: int | Json,
    kind: type[TradingError],
    message: str,
) -> None:
    apis.answers[path] = answer

    with pytest.raises(kind, match=message):
        sign(google)


def test_a_signature_of_something_else_is_not_handed_out(
    apis: GoogleApis, google: GoogleRest
) -> None:
    other = {"digest": {"sha256": b64encode(bytes(32)).decode()}}
    apis.answers[SIGN] = lambda _: signature(other)

    with pytest.raises(SettingsError, match="does not verify"):
        sign(google)
