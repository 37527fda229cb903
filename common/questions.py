"""Questions and answers: what is shown, what an answer means, and when it no longer counts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field

from common.actions import Proposal
from common.bounds import Instant, UserId
from common.market import AssetClass
from common.model import Exact, Model, Usd, plain
from common.orders.order import OrderType, Side, TimeInForce
from common.rules import Rule
from common.rules.base import Fired
from common.templates import render

APPROVE_FROM = Decimal(5)
REJECT_TO = Decimal(-5)
PIPELINE_KEY = "trading"
NOT_SHOWN = "–"  # noqa: RUF001 (a dash, for people)


def waiting_step(rule_id: str) -> str:
    """Return the `pipeline_step` of a rule's question as long as it waits for its answer."""
    return f"{rule_id}:await_confirm"


class Decision(StrEnum):
    """What an answer means."""

    APPROVE = "approve"
    REJECT = "reject"
    AMBIGUOUS = "ambiguous"


def _a_number(value: object) -> object:
    """Refuse what only reads like a number: a yes is said in one way."""
    if isinstance(value, str):
        raise ValueError("must be a number")  # noqa: TRY004 (pydantic's protocol)
    return value


class Answer(Model):
    """The body of the answer webhook (docs/messages.md, Answering)."""

    question_id: UUID
    firebase_uid: UserId
    answer: Annotated[Exact, BeforeValidator(_a_number), Field(ge=-10, le=10)]
    answered_at: Instant


class Terms(Model):
    """What the user is asked to countersign, as it was shown: `questions.metadata`.

    An order is made of these terms and not of the config, which may have changed since. Prices and
    notional in USD; either `notional_usd` or `qty` is the size.
    """

    rule_id: str
    symbol: str
    asset_class: AssetClass
    side: Side
    notional_usd: Usd | None
    qty: Exact | None
    order_type: OrderType
    limit_offset_pct: Exact | None
    time_in_force: TimeInForce
    price: Exact
    reference: Exact | None
    pct: Exact | None
    as_of: Instant
    snapshot_ids: tuple[int, ...]
    config_hash: str
    max_price_drift_pct: Exact
    asked_at: Instant
    expires_at: Instant


@dataclass(frozen=True)
class Confirmation:
    """A question as it stands: whose it is, until when it counts, and how it was decided."""

    question_id: UUID
    firebase_uid: str
    status: Literal["pending", "approve", "reject", "ambiguous", "expired", "withdrawn"]
    expires_at: datetime
    decided_at: datetime | None = None

    @property
    def decision(self) -> Decision | None:
        """How the user decided, None while they have not."""
        open_or_gone = {"pending", "expired", "withdrawn"}
        return None if self.status in open_or_gone else Decision(self.status)


class AnswerRefusal(StrEnum):
    """Why an answer changes nothing."""

    WRONG_USER = "wrong_user"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    CONTRADICTION = "contradiction"


def terms(rule: Rule, fired: Fired, proposal: Proposal, config_hash: str, now: datetime) -> Terms:
    """Bind a question to what its rule saw and to what will happen after a yes."""
    return Terms(
        rule_id=rule.id,
        symbol=fired.symbol,
        **vars(proposal),
        price=fired.price,
        reference=fired.reference,
        pct=fired.pct,
        as_of=fired.as_of,
        snapshot_ids=fired.snapshot_ids,
        config_hash=config_hash,
        max_price_drift_pct=rule.max_price_drift_pct,
        asked_at=now,
        expires_at=now + timedelta(seconds=rule.question_ttl_seconds),
    )


def question_text(rule: Rule, fired: Fired, proposal: Proposal) -> str:
    """Render a rule's template with what it saw; `pct` reads as a distance, without a sign."""
    values = {
        "symbol": fired.symbol,
        "price": plain(fired.price),
        "ref": _shown(fired.reference),
        "pct": f"{abs(fired.pct):.1f}" if fired.pct is not None else NOT_SHOWN,
        "notional": _shown(proposal.notional_usd),
        "qty": _shown(proposal.qty),
        "size": proposal.size,
    }
    return render(rule.question_template, values | dict(fired.values))


def consequence(bound: Terms) -> str:
    """Say what a yes will do, in words that are no advice."""
    money, units = bound.notional_usd, bound.qty or Decimal(0)
    size = f"${plain(money)} of" if money else plain(units)
    how = "at market" if bound.order_type == "market" else "with a limit near the quote"
    return f"A yes will {bound.side} {size} {bound.symbol} {how}. This is no investment advice."


def follow_up_terms(bound: Terms, now: datetime) -> Terms:
    """Ask for the same once more: what was shown stays, the time to answer begins anew."""
    again = {"asked_at": now, "expires_at": now + (bound.expires_at - bound.asked_at)}
    return bound.model_copy(update=again)


def follow_up_text(text: str) -> str:
    """Word the one follow-up of an ambiguous answer."""
    return f"Your answer was not clear, so once more: {text}"


def try_again_text(text: str, reason: str) -> str:
    """Word the one follow-up of an order that failed."""
    return f"Your order was not executed: {reason}. Try again, or leave it? It was: {text}"


def _shown(number: Decimal | None) -> str:
    return plain(number) if number is not None else NOT_SHOWN


def decide(answer: Decimal) -> Decision:
    """Read a swipe from -10 to +10: +5 and above approves, -5 and below rejects."""
    if answer >= APPROVE_FROM:
        return Decision.APPROVE
    if answer <= REJECT_TO:
        return Decision.REJECT
    return Decision.AMBIGUOUS


def settle(confirmation: Confirmation, answer: Answer, now: datetime) -> Decision | AnswerRefusal:
    """Bind an answer to its question, once.

    The first decision stands: hearing it again repeats it, hearing another contradicts it.
    """
    if answer.firebase_uid != confirmation.firebase_uid:
        return AnswerRefusal.WRONG_USER
    decision = decide(answer.answer)
    if confirmation.decision is not None:
        return decision if decision is confirmation.decision else AnswerRefusal.CONTRADICTION
    if confirmation.status == "withdrawn":
        return AnswerRefusal.WITHDRAWN
    if confirmation.status == "expired" or now > confirmation.expires_at:
        return AnswerRefusal.EXPIRED
    return decision
