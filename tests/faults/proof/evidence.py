"""All that can be known after a schedule: our database, the broker's records, what users saw."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from common.messages import QuestionCreated, TradeUpdate
from infra.postgres.database import Row
from infra.simulator.ledger.orders import Order as BrokersOrder
from tests.faults.proof.account_steps import BY_HAND
from tests.faults.proof.ledger import Ledger
from tests.faults.proof.world import World


@dataclass(frozen=True)
class Evidence:
    """Read once, when everything has come to rest."""

    world: World

    @property
    def ledger(self) -> Ledger:
        """The users' side."""
        return self.world.ledger

    @cached_property
    def at_broker(self) -> list[BrokersOrder]:
        """Every order in the broker's records that nobody placed by hand, oldest first."""
        found = self.world.simulator.ledger.orders()
        ours = [order for order in found if not order.client_order_id.startswith(BY_HAND)]
        return sorted(ours, key=lambda order: order.created_at)

    @cached_property
    def orders(self) -> list[Row]:
        """Every order of ours, oldest first."""
        return self.world.rows("SELECT * FROM trade_orders ORDER BY created_at, id")

    @cached_property
    def by_client_id(self) -> dict[str, Row]:
        """Our orders by the id that the broker knows them by."""
        return {row["client_order_id"]: row for row in self.orders}

    @cached_property
    def placed(self) -> dict[str, BrokersOrder]:
        """The broker's orders by the client's id."""
        return {order.client_order_id: order for order in self.at_broker}

    @cached_property
    def fills(self) -> list[Row]:
        """Every fill of ours."""
        return self.world.rows("SELECT * FROM fills ORDER BY id")

    @cached_property
    def questions(self) -> dict[UUID, QuestionCreated]:
        """The questions that the app heard of."""
        return {each.question_id: each for each in self.ledger.questions}

    @cached_property
    def updates(self) -> dict[UUID, list[TradeUpdate]]:
        """What the app heard of each order, in order."""
        received: dict[UUID, list[TradeUpdate]] = {}
        for update in self.ledger.updates:
            received.setdefault(update.order_id, []).append(update)
        return received

    @cached_property
    def reported_stuck(self) -> set[str]:
        """The orders that the last reconciliation named as unfinished."""
        body: Any = self.world.reconciled
        named = [*body.get("outcome_unknown", ()), *body.get("stuck", ())]
        return {each["order_id"] if isinstance(each, dict) else each for each in named}
