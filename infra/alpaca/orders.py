"""Reads an order as the broker writes it, in an answer or in an update."""

import logging
from typing import Any

from common.errors import MalformedMessageError, OutcomeUnknownError
from common.orders.broker_order import BrokerOrder
from infra.alpaca.responses import parse

log = logging.getLogger(__name__)


def read_order(document: Any) -> BrokerOrder:
    """Read an order as far as it can be; raises OutcomeUnknownError where it cannot at all."""
    try:
        found = parse(BrokerOrder, document)
    except MalformedMessageError as error:
        # The broker did act: that its answer is not readable must not look like a refusal.
        raise OutcomeUnknownError(f"broker sent an unreadable order: {error}") from error
    if found.anomalies:
        log.warning(
            "order %s has unreadable fields: %s",
            found.client_order_id,
            "; ".join(found.anomalies),
            extra={"event": "broker_order_questioned", "broker_order_id": found.broker_order_id},
        )
    return found
