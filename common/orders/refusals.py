"""Why the broker refused an order, in plain words, and whether asking for it again can help.

Its codes are reused for unrelated errors: only its messages differ. They are those of
Alpaca's pages "User Protection" and "Placing Orders" and of public issues.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """What a refusal means; `can_be_repeated` where the same order may pass a little later."""

    reason: str
    can_be_repeated: bool


_OTHER = Explanation("the broker refused the order", can_be_repeated=True)
_EXPLANATIONS = {
    "potential wash trade": Explanation(
        "an open order of the account stands on the other side, and the two could trade with"
        " each other",
        can_be_repeated=True,
    ),
    "insufficient qty available": Explanation(
        "the account does not hold so much that is free to be sold", can_be_repeated=False
    ),
    "insufficient balance": Explanation(
        "the account does not hold so much that is free to be sold", can_be_repeated=False
    ),
    "insufficient buying power": Explanation(
        "the account's buying power does not cover the order", can_be_repeated=True
    ),
    "pattern day trading": Explanation(
        "it would be one day trade more than the account may make", can_be_repeated=False
    ),
    "minimal amount of order": Explanation(
        "the order is worth less than the broker takes", can_be_repeated=False
    ),
    "minimal qty of order": Explanation(
        "the quantity is below the least that the broker takes", can_be_repeated=False
    ),
    "sub-penny increment": Explanation(
        "the price is not a multiple of the asset's increment", can_be_repeated=False
    ),
    "is not fractionable": Explanation(
        "the asset is not traded in fractions", can_be_repeated=False
    ),
    "is not tradable": Explanation("the asset is not traded", can_be_repeated=False),
    "cannot be sold short": Explanation(
        "it would be a short sale, which the broker does not take", can_be_repeated=False
    ),
    "rejected by user request": Explanation(
        "the account's own settings refuse new orders", can_be_repeated=False
    ),
    "not allowed to trade crypto": Explanation(
        "the account may not trade coins", can_be_repeated=False
    ),
    "position intent mismatch": Explanation(
        "the position is no longer what it was", can_be_repeated=False
    ),
}


def explain(message: str) -> Explanation:
    """Return what the broker's message means."""
    words = message.lower()
    return next((found for known, found in _EXPLANATIONS.items() if known in words), _OTHER)
