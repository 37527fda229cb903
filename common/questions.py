"""Questions and answers: what is shown, what an answer means, and when it no longer counts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from common.model import Exact, Model, Usd, plain
from common.orders import Side
from common.rules import Rule
from common.rules.base import Fired
from common.templates import render

APPROVE_FROM = Decimal(5)
REJECT_TO = Decimal(-5)
PIPELINE_KEY = "trading"


class Decision(StrEnum):
    """What an answer means."""

    APPROVE = "approve"
    REJECT = "reject"
    AMBIGUOUS = "ambiguous"


class Answer(Model):
    """The body of the answer webhook (design section 8)."""

    question_id: UUID
    firebase_uid: Annotated[str, Field(min_length=1, max_length=128)]
    answer: Annotated[Exact, Field(ge=-10, le=10)]
    answered_at: AwareDatetime


class Terms(Model):
    """What the user is asked to countersign, as it was shown: `questions.metadata`.

    An order is made of these terms and not of the config, which may have changed since.
    """

    rule_id: str
    symbol: str
    side: Side
    notional_usd: Usd
    price: Exact
    reference: Exact
    pct: Exact
    as_of: AwareDatetime
    snapshot_ids: tuple[int, ...]
    config_hash: str
    max_price_drift_pct: Exact
    asked_at: AwareDatetime
    expires_at: AwareDatetime


@dataclass(frozen=True)
class Confirmation:
    """A question as it stands: whose it is, until when it counts, and how it was decided."""

    question_id: UUID
    firebase_uid: str
    status: Literal["pending", "approve", "reject", "ambiguous", "expired"]
    expires_at: datetime
    decided_at: datetime | None = None

    @property
    def decision(self) -> Decision | None:
        """How the user decided, None while he has not."""
        return None if self.status in {"pending", "expired"} else Decision(self.status)


class Refusal(StrEnum):
    """Why an answer changes nothing."""

    WRONG_USER = "wrong_user"
    EXPIRED = "expired"
    CONTRADICTION = "contradiction"


def terms(rule: Rule, fired: Fired, config_hash: str, now: datetime) -> Terms:
    """Bind a question to what its rule saw and to what will happen after a yes."""
    return Terms(
        rule_id=rule.id,
        symbol=fired.symbol,
        side=rule.on_answer_match.side,
        notional_usd=rule.on_answer_match.notional_usd,
        price=fired.price,
        reference=fired.reference,
        pct=fired.pct,
        as_of=fired.as_of,
        snapshot_ids=fired.snapshot_ids,
        config_hash=config_hash,
        max_price_drift_pct=rule.max_price_drift_pct,
        asked_at=now,
        expires_at=now + rule.question_ttl,
    )


def question_text(rule: Rule, fired: Fired) -> str:
    """Render a rule's template with what it saw; `pct` reads as a distance, without a sign."""
    values = {
        "symbol": fired.symbol,
        "price": plain(fired.price),
        "ref": plain(fired.reference),
        "pct": f"{abs(fired.pct):.1f}",
        "notional": plain(rule.on_answer_match.notional_usd),
    }
    return render(rule.question_template, values)


def decide(answer: Decimal) -> Decision:
    """Read a swipe from -10 to +10: +5 and above approves, -5 and below rejects."""
    if answer >= APPROVE_FROM:
        return Decision.APPROVE
    if answer <= REJECT_TO:
        return Decision.REJECT
    return Decision.AMBIGUOUS


def settle(standing: Confirmation, answer: Answer, now: datetime) -> Decision | Refusal:
    """Bind an answer to its question, once.

    The first decision stands: hearing it again repeats it, hearing another contradicts it.
    """
    if answer.firebase_uid != standing.firebase_uid:
        return Refusal.WRONG_USER
    decision = decide(answer.answer)
    if standing.decision is not None:
        return decision if decision is standing.decision else Refusal.CONTRADICTION
    if standing.status == "expired" or now > standing.expires_at:
        return Refusal.EXPIRED
    return decision
