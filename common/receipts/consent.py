"""What a user consented to, and the client order id that commits to it."""

from uuid import UUID

from common.orders.order import CLIENT_ORDER_ID_PREFIX
from common.questions import Terms
from common.receipts.canonical import canonical, sha256

# 128 bits of the hash: nobody finds other terms for an id, and 72 characters fit everywhere.
_DIGITS = 32


def consented(terms: Terms, question_text: str | None) -> str:
    """Write down what a user was shown, as the canonical JSON that the order's id commits to.

    `question_text` is None where their config lets the rule order without a question.
    """
    return canonical({"question_text": question_text, "terms": terms.model_dump(mode="json")})


def client_order_id(origin: UUID, firebase_uid: str, shown: str) -> str:
    """Return the order's id at the broker (72 characters): `cs-ORIGIN-HASH`.

    `origin` is the question, or the opportunity that nobody was asked about. The hash is the first
    32 hexadecimal digits of the SHA-256 over three lines: origin, user, and what `consented` wrote.
    Whoever repeats an order repeats its id. The table `trade_orders` checks the same formula.
    """
    digest = sha256(f"{origin}\n{firebase_uid}\n{shown}")[:_DIGITS]
    return f"{CLIENT_ORDER_ID_PREFIX}{origin}-{digest}"
