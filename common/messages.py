"""The messages on the topics, one frozen model each. Topics are past-tense facts.

Each carries what its reader needs without a second look-up; money travels as decimal strings.
"""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from common.bounds import Instant
from common.guardrails.facts import DenialCode
from common.model import Exact, Model
from common.orders.order import OrderType, Side
from common.orders.status import TERMINAL
from common.orders.summary import sentence
from common.questions import Terms


class Message(Model):
    """A fact for others, and the topic that it is announced on."""

    topic: ClassVar[str]


class SnapshotsIngested(Message):
    """Market facts were stored: rules may be evaluated."""

    topic = "snapshots-ingested"

    ingested_at: Instant
    stored: Annotated[int, Field(ge=0, le=10**9)]


class QuestionCreated(Terms, Message):
    """A question for the app backend to deliver; it counts until `expires_at`.

    `consequence` says what a yes will do. A follow-up names the question that it follows up.
    """

    topic = "questions-created"

    consequence: str
    follow_up_of: UUID | None = None

    question_id: UUID
    firebase_uid: str
    question_text: str


class OrderApproved(Message):
    """An order that its owner countersigned: to be submitted."""

    topic = "orders-approved"

    order_id: UUID


class TradeUpdate(Message):
    """What became of an order, for the app backend to tell its owner.

    `status` is ours (`denied`) or the broker's; `denial_code` and `reason` say why not. `text` says
    it all in a sentence.
    """

    topic = "trade-updates"

    order_id: UUID
    firebase_uid: str
    question_id: UUID | None
    rule_id: str
    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    notional_usd: Exact | None
    qty: Exact | None
    limit_price: Exact | None
    status: str
    filled_qty: Exact
    filled_avg_price: Exact | None
    denial_code: DenialCode | None
    reason: str | None
    at: Instant
    is_final: bool = Field(default_factory=lambda fields: fields["status"] in TERMINAL)
    text: str = Field(default_factory=lambda fields: sentence(**fields))


# All topics, the most urgent first: in this order they are relayed.
TOPICS = tuple(
    kind.topic for kind in (OrderApproved, QuestionCreated, TradeUpdate, SnapshotsIngested)
)
