"""The part of the messages' page that says how an answer is sent, signed and replied to."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime

from standardwebhooks import Webhook

# Base64 of `not a secret: a test vector only`.
SECRET = "whsec_" + base64.b64encode(b"not a secret: a test vector only").decode()
MESSAGE_ID, TIMESTAMP = "msg_1", 1_770_735_640
BODY = '{"question_id":"4a824e0a-b9cc-44f8-a486-ae61d131e9ec","answer":10}'

# What `answer` replies with, by status; `code` is for programs.
ERRORS: Mapping[int, Mapping[str, str]] = {
    401: {"invalid_signature": "the signature is missing, wrong, or older than five minutes"},
    403: {"wrong_user": "the question was asked to another user"},
    404: {"unknown_question": "there is no such question"},
    405: {"method_not_allowed": "only POST is taken"},
    409: {"contradiction": "it was answered differently before: the first answer stands"},
    410: {
        "expired": "its time is over",
        "withdrawn": "its rule or its user is switched off",
    },
    413: {"request_entity_too_large": "the body has more than 64 KiB"},
    422: {"malformed": "`problems` lists every field that is wrong, or that is not known"},
    429: {"too_many_requests": "too many of this user; `Retry-After` says when to come again"},
    500: {"internal": "a fault of ours: send it again", "misconfigured": "an operator must act"},
    503: {"try_again": "the database cannot be reached: send it again"},
}

SNIPPETS: Mapping[str, tuple[str, str]] = {
    "Python": (
        "python",
        f"""\
import base64, hashlib, hmac

key = base64.b64decode("{SECRET}".removeprefix("whsec_"))
body = b'{BODY}'
signed = b"{MESSAGE_ID}.{TIMESTAMP}." + body
print("v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode())""",
    ),
    "JavaScript (Node)": (
        "javascript",
        f"""\
const crypto = require("crypto");

const key = Buffer.from("{SECRET}".slice("whsec_".length), "base64");
const signed = "{MESSAGE_ID}.{TIMESTAMP}." + '{BODY}';
console.log("v1," + crypto.createHmac("sha256", key).update(signed).digest("base64"));""",
    ),
    "Shell (OpenSSL)": (
        "sh",
        f"""\
key=$(printf %s "{SECRET.removeprefix("whsec_")}" |
  openssl base64 -d -A | od -An -tx1 | tr -d ' \\n')
printf 'v1,%s\\n' "$(printf %s '{MESSAGE_ID}.{TIMESTAMP}.{BODY}' |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)\"""",
    ),
}


def signature() -> str:
    """Return the signature of the vector, by the specification's own library."""
    return Webhook(SECRET).sign(MESSAGE_ID, datetime.fromtimestamp(TIMESTAMP, UTC), BODY)


def replies() -> str:
    """Return the table of errors."""
    rows = [
        f"| {status} | `{code}` | {meaning} |"
        for status, codes in ERRORS.items()
        for code, meaning in codes.items()
    ]
    return "\n".join(
        (
            'Every error is `{"error": {"code", "message"}}`:',
            "",
            "| status | code | meaning |",
            "|---|---|---|",
            *rows,
        )
    )


def vector() -> str:
    """Return the test vector of a signature, computed in three languages."""
    parts = [f"{name}:\n\n```{kind}\n{text}\n```" for name, (kind, text) in SNIPPETS.items()]
    return "\n\n".join(
        (
            "### Test vector of a signature",
            (
                "A library of [Standard Webhooks](https://www.standardwebhooks.com) signs in\n"
                "most "
                "languages. By hand it is HMAC-SHA256 over `id.timestamp.body`; the key is what\n"
                f"stands behind `whsec_`, in base64. For the secret `{SECRET}`,\n"
                f"`webhook-id: {MESSAGE_ID}`, `webhook-timestamp: {TIMESTAMP}` and this body\n"
                "(without a line end; it shows how to sign, and is no complete answer)"
            ),
            f"```json\n{BODY}\n```",
            f"the header is\n\n```text\nwebhook-signature: {signature()}\n```",
            *parts,
        )
    )
