"""Settings of who signs receipts."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

_PART = r"[A-Za-z0-9_.:-]{1,63}"
_KEY_VERSION = (
    rf"^(projects/{_PART}/locations/{_PART}/keyRings/{_PART}/cryptoKeys/{_PART}"
    r"/cryptoKeyVersions/[1-9][0-9]{0,9})?$"
)


class ReceiptSettings(BaseModel, defer_build=True):
    """The key that signs receipts: one in Cloud KMS, or one in a file, or none."""

    receipt_kms_key: Annotated[str, Field(pattern=_KEY_VERSION)] = ""
    receipt_key_file: str = ""

    @property
    def has_receipts(self) -> bool:
        """Whether there is a key."""
        return bool(self.receipt_kms_key or self.receipt_key_file)

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.receipt_kms_key and self.receipt_key_file:
            raise ValueError("RECEIPT_KMS_KEY and RECEIPT_KEY_FILE exclude each other: set one")
        return self
