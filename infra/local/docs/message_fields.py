"""What each field of a message to the app backend is, and an example of each message."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from common.messages import Message, QuestionCreated, TradeUpdate
from common.questions import Terms, consequence
from common.receipts.consent import client_order_id, consented

_ASKED = datetime(2026, 2, 10, 15, 0, tzinfo=UTC)
_QUESTION_ID = UUID("4a824e0a-b9cc-44f8-a486-ae61d131e9ec")

_USER = "user-1"
_TEXT = "SPY is down 1.6% vs yesterday. Swipe +10 to approve a small buy, -10 to skip."
_TERMS = Terms(
    rule_id="dip_confirm",
    symbol="SPY",
    asset_class="us_equity",
    side="buy",
    notional_usd=Decimal(10),
    qty=None,
    order_type="market",
    limit_offset_pct=None,
    time_in_force="day",
    price=Decimal(492),
    reference=Decimal(500),
    pct=Decimal("-1.6"),
    as_of=_ASKED,
    snapshot_ids=(8, 9),
    config_hash="e97f4aee77bcc6da",
    max_price_drift_pct=Decimal(1),
    asked_at=_ASKED,
    expires_at=_ASKED + timedelta(minutes=15),
)

EXAMPLES: dict[type[Message], Message] = {
    QuestionCreated: QuestionCreated(
        **_TERMS.model_dump(),
        question_id=_QUESTION_ID,
        firebase_uid=_USER,
        question_text=_TEXT,
        consequence=consequence(_TERMS),
    ),
    TradeUpdate: TradeUpdate(
        order_id=UUID("2290834b-6a4d-4d8b-b0a5-4fec9c00afa5"),
        firebase_uid=_USER,
        question_id=_QUESTION_ID,
        rule_id="dip_confirm",
        client_order_id=client_order_id(_QUESTION_ID, _USER, consented(_TERMS, _TEXT)),
        symbol="SPY",
        side="buy",
        order_type="market",
        notional_usd=Decimal(10),
        qty=None,
        limit_price=None,
        status="filled",
        filled_qty=Decimal("0.02032479"),
        filled_avg_price=Decimal("492.01"),
        denial_code=None,
        reason=None,
        at=_ASKED + timedelta(minutes=1),
    ),
}

DESCRIPTIONS = {
    "question_id": "The question. One message per question.",
    "firebase_uid": "Whose it is.",
    "question_text": "What to show. Plain text.",
    "consequence": "What a yes will do, in a sentence, to show beside the question.",
    "follow_up_of": "The question that this one asks again, null for a first one.",
    "rule_id": "The rule of the user's config that it comes from.",
    "symbol": "As the broker writes it: SPY, BTC/USD.",
    "asset_class": "The market of the symbol.",
    "side": "Which way.",
    "notional_usd": "Size in USD; null when `qty` is the size.",
    "qty": "Size in units; null when `notional_usd` is the size.",
    "order_type": "At market, or with a limit.",
    "limit_offset_pct": "How far the limit will be from the quote, in percent; null at market.",
    "limit_price": "The limit in USD, once it is known; null at market.",
    "time_in_force": "How long the broker will try.",
    "price": "The price in USD that fired the rule.",
    "reference": "What the rule compared the price with, in USD; null when with nothing.",
    "pct": "How far the price is from the reference, in percent, with its sign; or null.",
    "as_of": "When that price was made.",
    "snapshot_ids": "The stored market facts that the rule saw.",
    "config_hash": "The version of the user's config that asked.",
    "max_price_drift_pct": "How far the market may be from `price` when the order is sent.",
    "asked_at": "When it was asked.",
    "expires_at": "Until when an answer counts. Take the question off the screen then.",
    "order_id": "The order. Several messages per order, in their order.",
    "client_order_id": "Its id at the broker's, chosen by us.",
    "status": "How it stands: `denied` (by a guardrail), or the broker's word for it, of which"
    " there may be new ones. Go by `is_final` and `text`.",
    "filled_qty": "Units executed so far; it never shrinks.",
    "filled_avg_price": "Their average price in USD; null while there are none.",
    "denial_code": "Which guardrail denied it; null unless `status` is `denied`.",
    "reason": "Why it was denied (the numbers, as `name=value`), rejected or canceled; or null.",
    "at": "When we learned of it.",
    "is_final": "Whether this is the last message of the order.",
    "text": "All of it as a sentence, to show.",
}
UPDATE_DESCRIPTIONS = {
    "question_id": "The question that it was approved by; null where none was asked."
}
