"""The private keys of a local stack: files of its folder, of no use outside this machine."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.auth.local_signing_key import LocalSigningKey


def write_key(key_file: Path, key: PrivateKeyTypes) -> None:
    """Write a key as PEM, whole or not at all, for this user alone."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    unfinished = key_file.with_suffix(".part")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(pem)
    unfinished.replace(key_file)


def make_receipt_key(key_file: Path, public_key_file: Path) -> None:
    """Make the key that signs receipts unless it is there, and write its public key beside it."""
    if not key_file.exists():
        write_key(key_file, ec.generate_private_key(ec.SECP256R1()))
    public_key_file.write_text(LocalSigningKey(key_file).public_key())
