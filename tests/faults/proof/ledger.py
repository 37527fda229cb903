"""What the users and their app know: questions they heard, answers they gave, replies they saw."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from common.messages import QuestionCreated, TradeUpdate
from tests.faults.proof.topics import Topics


@dataclass(frozen=True)
class Answered:
    """An answer and its reply; the status is None when the process died over it."""

    question_id: UUID
    uid: str
    value: Decimal
    at: datetime
    status: int | None
    body: dict[str, Any]

    @property
    def approved(self) -> bool:
        """Whether the user was told that it is a yes."""
        return self.status == 200 and self.body.get("decision") == "approve"

    @property
    def may_approve(self) -> bool:
        """Whether it may have been taken for a yes: it was one, and nobody said otherwise."""
        return self.value >= 5 and (self.status is None or self.status == 200 or self.status >= 500)


@dataclass
class Ledger:
    """The app backend's own memory, which no crash of ours touches."""

    topics: Topics
    answers: list[Answered] = field(default_factory=list)
    poison: set[str] = field(default_factory=set)

    @property
    def questions(self) -> list[QuestionCreated]:
        """Every question that reached the app."""
        received = self.topics.once(QuestionCreated.topic)
        return [QuestionCreated.from_json(each.data) for each in received]

    @property
    def updates(self) -> list[TradeUpdate]:
        """Every trade update that reached the app."""
        received = self.topics.once(TradeUpdate.topic)
        return [TradeUpdate.from_json(each.data) for each in received]
