"""The messages on the topics, one frozen model each. Topics are past-tense facts.

Each carries what its reader needs without a second look-up; money travels as decimal strings.
"""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from common.bounds import Instant, Line
from common.guardrails.facts import DenialCode
from common.model import Exact, Model
from common.orders.order import OrderType, Side
from common.orders.status import TERMINAL
from common.orders.summary import sentence
from common.questions import Terms

NonNegative = Annotated[int, Field(ge=0, le=10**9)]


class Message(Model):
    """A fact for others, and the topic that it is announced on."""

    topic: ClassVar[str]


class SnapshotsIngested(Message):
    """Market facts were stored: rules may be evaluated."""

    topic = "snapshots-ingested"

    ingested_at: Instant
    stored: NonNegative


class Firing(Model):
    """A rule that fired, with what its users are to be asked.

    Where `held_qty` is given, only those are asked who hold that many units at `entry_price` (USD).
    """

    rule_type: str
    cooldown_seconds: NonNegative
    needs_yes: bool
    terms: Terms
    text: str
    held_qty: Exact | None = None
    entry_price: Exact | None = None


class Audience(Model):
    """The users of one config whose uids lie from `first_uid` to `last_uid`, and what fired.

    The natural key of what comes of it is that of an opportunity: user, rule, symbol and the
    instant of the fact. All rules of a config are asked of a user together, in its order, because
    they share the user's queue.
    """

    config_key: Line
    first_uid: str
    last_uid: str
    users: NonNegative
    max_queued_questions: NonNegative
    firings: tuple[Firing, ...]


class RulesFired(Message):
    """Rules fired for more users than one transaction asks: these are to be asked."""

    topic = "rules-fired"

    evaluated_at: Instant
    audiences: Annotated[tuple[Audience, ...], Field(min_length=1)]


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
    kind.topic
    for kind in (OrderApproved, RulesFired, QuestionCreated, TradeUpdate, SnapshotsIngested)
)
