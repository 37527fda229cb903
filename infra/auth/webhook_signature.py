"""Verifies and signs webhooks by the Standard Webhooks specification, with its library.

Its time tolerance (five minutes) is about the transport, so it is measured on the machine's clock.
"""

import binascii
from collections.abc import Mapping

from standardwebhooks import Webhook, WebhookVerificationError

from common.errors import InvalidSignatureError


def verify(body: bytes, headers: Mapping[str, str], secret: str) -> None:
    """Check the signature over the raw body; raises InvalidSignatureError."""
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except WebhookVerificationError as error:
        raise InvalidSignatureError(str(error)) from error
    except (ValueError, binascii.Error) as error:  # the library lets malformed headers through
        raise InvalidSignatureError("webhook headers or body are malformed") from error
