"""Behaviours on which the sources disagree, or that differ between accounts: one switch each."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass
class Switches:
    """Set an attribute to change the simulator's mind; the defaults are the harsher branch."""

    cancelled_ids_stay_taken: bool = True
    """Whether a cancelled order's client_order_id is refused, too (unconfirmed)."""

    duplicate_code: int = 40010001
    """The code of "client_order_id must be unique": 40010001 or 42210000."""

    unknown_snapshot_is_null: bool = True
    """Whether an unknown symbol's snapshot is null (else it is absent; unconfirmed)."""

    unfilled_day_order_expires: bool = True
    """Whether an unfilled day order becomes `expired` (else `canceled`)."""

    fractional_limit_orders: bool = False
    """Whether limit orders may be fractional or by notional (sources disagree)."""

    coin_fee_rate: Decimal = Decimal(0)
    """The share of bought coins that the broker keeps as its fee, 0.0025 in the lowest tier; the
    order shows none of it (alpaca-py issue 374, alpaca-java issue 148). The page on paper trading
    says that there are no fees, issue 374 saw them there. A sale's fee, in dollars, is left out."""

    fill_delay_seconds: float = 0.0
    """How long, in simulated time, an order stays `pending_new` before it is worked at all."""

    partial_fill_probability: float = 0.0
    """How often an order that can be parted fills in parts; about 0.1 on paper."""

    partial_fill_seed: int = 0
    """Which orders these are, and in which parts: repeated by the same seed, order by order."""

    enforce_rate_limits: bool = False
    """Whether more than 200 requests in a simulated minute are answered with 429."""

    stream_connection_limit: int = 1
    """How many connections one data stream takes (Alpaca's page "Real-time Stock Data": 1 in most
    subscriptions); one more is refused with 406 when it authenticates."""

    stream_symbol_limit: int = 30
    """How many symbols may be subscribed to for trades and quotes, 30 in the Basic plan (Alpaca's
    page "About Market Data API"); more are refused with 405. Bars are not limited."""

    stream_limit_counts_channels: bool = False
    """Whether a symbol's trades and quotes count as two (the former page "Real-time data" speaks of
    30 channels; unconfirmed)."""

    stream_buffer: int = 10_000
    """How many events wait for a client before it counts as slow (407; Alpaca names no figure)."""

    stream_waits: bool = False
    """Whether the stream waits for slow clients: a replay at the speed that they can take."""

    crypto_status: str = "ACTIVE"
    """The account's `crypto_status`; unless it is ACTIVE no coin can be bought (Alpaca's page
    "Crypto Trading" lists INACTIVE, ACTIVE and SUBMISSION_FAILED)."""

    currency: str = "USD"
    """The account's `currency`: local currency accounts are kept in another one (Alpaca's page
    "Local Currency Trading")."""

    multiplier: int = 4
    """How often buying power counts the account's worth: 4, 2, or 1 for a cash account."""

    day_trade_rule: bool = False
    """Whether a fourth day trade in five days is refused while the account is worth less than
    25,000 USD, and the account shows `daytrade_count` (FINRA rule 4210; the fields were removed
    from the API in July 2026, the refusal is alpaca-trade-api-python issue 184's)."""

    daytrade_count: int = 0
    """How many day trades the account made before; those of today are counted on top."""

    account_blocked: bool = False
    """Whether `GET /v2/account` says that the account is blocked. Orders are taken all the same, so
    that a guardrail is seen to stop them, and not this broker."""
