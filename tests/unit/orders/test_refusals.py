import pytest

from common.orders.refusals import explain

# The broker's words, as others recorded them: Alpaca-API issues 11 and 282, alpaca-py issue 225,
# ccxt pull request 30101, alpaca-trade-api-go issue 260, docs.alpaca.markets "User Protection".
REFUSALS = [
    ("potential wash trade detected. use complex orders", "other side", True),
    (
        "insufficient qty available for order (requested: 1, available: 0)",
        "free to be sold",
        False,
    ),
    ("insufficient balance for AVAX", "free to be sold", False),
    ("insufficient buying power", "buying power", True),
    ("trade denied due to pattern day trading protection", "day trade", False),
    ("cost basis must be >= minimal amount of order 10", "worth less", False),
    (
        "invalid limit_price 41.085. sub-penny increment does not fulfill minimum pricing criteria",
        "increment",
        False,
    ),
    ('asset "OCGN" is not fractionable', "fractions", False),
    ('asset "X" cannot be sold short', "short sale", False),
    ("new orders are rejected by user request", "settings", False),
    ("Something that nobody has seen", "refused the order", True),
    ("", "refused the order", True),
]


@pytest.mark.parametrize(("message", "reason", "repeated"), REFUSALS)
def test_a_refusal_has_a_clear_reason_and_is_repeated_only_where_that_can_help(
    message: str, reason: str, *, repeated: bool
) -> None:
    meant = explain(message)

    assert reason in meant.reason
    assert meant.can_be_repeated is repeated
