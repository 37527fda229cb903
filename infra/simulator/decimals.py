"""Numbers as the two APIs write them (docs/broker.md, Numbers and stamps)."""

from decimal import ROUND_DOWN, Decimal


def money(amount: Decimal) -> str:
    """Return the trading API's decimal string: no exponent, no trailing zeros."""
    text = format(amount, "f")
    trimmed = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if trimmed in ("-0", "") else trimmed


def number(amount: Decimal) -> int | float:
    """Return the data API's JSON number: whole values as integers."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def cut(amount: Decimal, step: Decimal) -> Decimal:
    """Cut the digits below the step, without rounding."""
    return amount.quantize(step, rounding=ROUND_DOWN)
