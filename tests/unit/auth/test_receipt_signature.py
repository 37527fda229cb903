"""A receipt whose bytes, signature or key are others does not verify."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from jwt.utils import base64url_decode, base64url_encode, der_to_raw_signature

from common.errors import InvalidReceiptError, PermanentError
from infra.auth import receipt_signature
from infra.auth.local_signing_key import LocalSigningKey
from infra.auth.receipt_signature import ReceiptSigner, key_id, signed_payload, verified
from infra.local.key_files import make_receipt_key, write_key
from infra.runtime.settings import SettingsError
from tests.unit.receipts.samples import receipt


class KeyInMemory:
    """A signing key as a file or Cloud KMS has it."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    def sign(self, content: bytes) -> bytes:
        return self.key.sign(content, ec.ECDSA(SHA256()))

    def public_key(self) -> str:
        return pem_of(self.key.public_key())


def pem_of(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


KEY = KeyInMemory()
PUBLIC_KEY = KEY.public_key()
SIGNED = ReceiptSigner(KEY).sign(receipt().to_canonical()).encode()
OTHERS = ReceiptSigner(KEY).sign(receipt(None).to_canonical()).encode()


def refused(odd: bytes, public_key: str = PUBLIC_KEY) -> str:
    with pytest.raises(InvalidReceiptError) as error:
        verified(odd, public_key)
    return str(error.value)


def test_it_verifies_with_the_public_key_alone() -> None:
    assert verified(SIGNED, PUBLIC_KEY) == receipt()
    assert verified(SIGNED + b"\n", PUBLIC_KEY) == receipt()


def test_any_library_reads_it() -> None:
    payload = jwt.PyJWS().decode(SIGNED, PUBLIC_KEY, ["ES256"])
    header = jwt.get_unverified_header(SIGNED)

    assert payload == receipt().to_canonical().encode()
    assert header == {"alg": "ES256", "kid": key_id(PUBLIC_KEY), "typ": "countersign-receipt"}


@pytest.mark.parametrize("flipped", [0x01, 0x20, 0x80])
def test_a_receipt_with_a_bit_of_any_byte_changed_is_refused(flipped: int) -> None:
    assert believed(lambda byte: byte ^ flipped) == []


@pytest.mark.parametrize("letter", ["A", "=", "\n"])
def test_a_receipt_with_any_byte_replaced_is_refused(letter: str) -> None:
    assert believed(lambda _: ord(letter)) == []


def believed(change: Callable[[int], int]) -> list[int]:
    """Change each byte in turn; return the places where it was not noticed."""
    places = []
    for place, byte in enumerate(SIGNED):
        if change(byte) == byte:
            continue
        with suppress(InvalidReceiptError):
            verified(SIGNED[:place] + bytes([change(byte)]) + SIGNED[place + 1 :], PUBLIC_KEY)
            places.append(place)
    return places


@given(
    st.integers(0, len(SIGNED) - 1), st.integers(1, 255), st.sampled_from(["change", "cut", "add"])
)
def test_a_receipt_with_a_byte_changed_cut_or_added_is_refused(
    place: int, by: int, how: str
) -> None:
    middle = {"change": bytes([SIGNED[place] ^ by]), "cut": b"", "add": bytes([by, SIGNED[place]])}

    assert refused(SIGNED[:place] + middle[how] + SIGNED[place + 1 :])


@pytest.mark.parametrize("place", range(1, 87))
def test_each_character_of_the_signature_counts_in_all_its_bits(place: int) -> None:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = len(SIGNED) - place

    for other in set(alphabet) - {SIGNED[at]}:
        refused(SIGNED[:at] + bytes([other]) + SIGNED[at + 1 :])


def test_another_orders_signature_is_refused() -> None:
    parts, others = SIGNED.split(b"."), OTHERS.split(b".")

    assert "Signature verification failed" in refused(b".".join([*parts[:2], others[2]]))
    assert "Signature verification failed" in refused(b".".join([parts[0], others[1], parts[2]]))


def test_another_key_is_refused() -> None:
    other = KeyInMemory()

    assert "Signature verification failed" in refused(SIGNED, other.public_key())
    forged = ReceiptSigner(other).sign(receipt().to_canonical()).encode()
    assert "Signature verification failed" in refused(forged)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"typ": "JWT"},
        {"kid": "another"},
        {"jwk": {"kty": "EC"}},
        {"crit": ["x"], "x": 1},
        {"b64": False, "crit": ["b64"]},
    ],
)
def test_another_header_is_refused_even_with_a_good_signature(header: dict[str, object]) -> None:
    named = {"alg": "ES256", "kid": key_id(PUBLIC_KEY), "typ": "countersign-receipt", **header}
    content = base64url_encode(json.dumps(named).encode()) + b"." + SIGNED.split(b".")[1]
    raw = der_to_raw_signature(KEY.sign(content), ec.SECP256R1())

    assert refused(content + b"." + base64url_encode(raw))


def test_a_signed_document_that_is_no_receipt_is_neither_handed_out_nor_believed() -> None:
    headers = {"typ": "countersign-receipt", "kid": key_id(PUBLIC_KEY)}
    signed = jwt.PyJWS().encode(b'{"order_id":"1"}', KEY.key, "ES256", headers)

    assert "Field required" in refused(signed.encode())
    with pytest.raises(SettingsError, match="does not verify"):
        ReceiptSigner(KEY).sign('{"order_id":"1"}')


def test_what_a_key_signed_wrongly_is_not_handed_out() -> None:
    class Broken(KeyInMemory):
        def sign(self, content: bytes) -> bytes:
            return super().sign(content + b"x")

    with pytest.raises(SettingsError, match="does not verify"):
        ReceiptSigner(Broken()).sign(receipt().to_canonical())


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"\n",
        SIGNED + b"\n\n",
        b" " + SIGNED,
        SIGNED + b" ",
        SIGNED + b"==",
        SIGNED.replace(b".", b".."),
        b"\xef\xbb\xbf" + SIGNED,
        SIGNED[: SIGNED.rindex(b".")],
        b"a.b." + b"c" * 86,
        b"A" * (receipt_signature.LARGEST_RECEIPT + 1),
        base64url_decode(SIGNED.split(b".")[1]),
    ],
)
def test_what_is_no_receipt_is_refused(odd: bytes) -> None:
    refused(odd)


@given(st.binary(max_size=300))
def test_no_file_raises_anything_else(odd: bytes) -> None:
    refused(odd)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        pem_of(ec.generate_private_key(ec.SECP384R1()).public_key()),
        pem_of(rsa.generate_private_key(65537, 2048).public_key()),
        pem_of(ed25519.Ed25519PrivateKey.generate().public_key()),
        KEY.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    ],
)
def test_only_a_public_key_of_p256_is_taken(key: str) -> None:
    with pytest.raises(PermanentError, match="this is no public key"):
        signed_payload(SIGNED, key)


def test_a_key_is_named_as_rfc_7638_says() -> None:
    """The public key of RFC 7517, appendix A.1, and its thumbprint in the tests of jwcrypto."""
    jwk = {
        "crv": "P-256",
        "kty": "EC",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }
    key = jwt.PyJWK({**jwk, "alg": "ES256"}).key

    assert key_id(pem_of(key)) == "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"


def test_the_local_key_is_made_once_and_kept_for_its_user_alone(tmp_path: Path) -> None:
    private, public = tmp_path / "key.pem", tmp_path / "key.pub.pem"

    make_receipt_key(private, public)
    first = private.read_bytes()
    make_receipt_key(private, public)

    assert private.read_bytes() == first
    assert private.stat().st_mode & 0o777 == 0o600
    signed = ReceiptSigner(LocalSigningKey(private)).sign(receipt().to_canonical())
    assert verified(signed.encode(), public.read_text()) == receipt()


def test_a_file_without_such_a_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    with pytest.raises(PermanentError, match="holds no private key"):
        LocalSigningKey(file).public_key()
    file.write_text("no key")
    with pytest.raises(PermanentError, match="holds no private key"):
        LocalSigningKey(file).public_key()
    write_key(file, rsa.generate_private_key(65537, 2048))
    with pytest.raises(PermanentError, match="of the curve P-256"):
        LocalSigningKey(file).public_key()
