"""Verifies webhooks by the Standard Webhooks specification, with its library.

Its time tolerance (five minutes) is about the transport, so it is measured on the machine's clock.
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime

from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import hmac_data

from common.errors import InvalidSignatureError

_SIGNATURES, _TIMESTAMP = "webhook-signature", "webhook-timestamp"
_MOST_SIGNATURES = 16
_SECONDS = re.compile("[0-9]{1,12}")


class _RawWebhook(Webhook):
    """Signs the body as it came: the library takes text alone, and not every body is text."""

    def __init__(self, secret: str, body: bytes) -> None:
        super().__init__(secret)
        self._body = body

    def sign(self, msg_id: str, timestamp: datetime, data: str) -> str:
        """Sign the raw body; `data` is not looked at."""
        del data
        signed = f"{msg_id}.{int(timestamp.timestamp())}.".encode() + self._body
        return "v1," + b64encode(hmac_data(self._whsecret, signed)).decode()


def verify(body: bytes, headers: Mapping[str, str], secret: str) -> None:
    """Check the signature over the raw body; raises InvalidSignatureError."""
    given = {name.lower(): value for name, value in headers.items()}
    if not _SECONDS.fullmatch(given.get(_TIMESTAMP, "")):
        raise InvalidSignatureError("the webhook's timestamp is missing or no number of seconds")
    given[_SIGNATURES] = " ".join(_readable(given.get(_SIGNATURES, "")))
    try:
        _RawWebhook(secret, body).verify("", given, json_parse=False)
    except WebhookVerificationError as error:
        raise InvalidSignatureError(str(error)) from error


def _readable(signatures: str) -> Iterator[str]:
    """Yield the signatures of the version that we know; one of another voids none beside it."""
    for item in signatures.split(" ")[:_MOST_SIGNATURES]:
        version, _, signature = item.partition(",")
        try:
            b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            continue
        if version == "v1" and signature:
            yield item
