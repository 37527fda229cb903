"""The columns of `trade_orders`, said once: from here come the statements that write or read them.

A field that is added to `Terms` and to `Order` is stored, read and shown without another line of
Python; one that is in neither of the lists below turns a test red.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from common.orders.order import Order
from common.orders.status import APPROVED, TERMINAL
from common.questions import Terms

READ = tuple(field.name for field in fields(Order))
SELECT = f"SELECT {', '.join(READ)} FROM trade_orders"

# What is still going on, in the words of the index over open orders.
IS_OPEN = f"status NOT IN ({', '.join(repr(status) for status in sorted(TERMINAL))})"

# Of the terms, what is kept with an order and not read back with it.
KEPT = ("config_hash",)
_UNASKED_ID = "opportunity_id || '-' || consent_hash(opportunity_id, firebase_uid, consented)"
# What an order gets when it is made, beside its terms. The expressions are those of an order that
# nobody was asked about.
MADE_WITH: Mapping[str, str] = {
    "id": "uuidv7()",
    "firebase_uid": "firebase_uid",
    "client_order_id": f"'cs-' || {_UNASKED_ID}",
    "consented": "consented",
    "question_id": "NULL",
    "opportunity_id": "opportunity_id",
    "status": f"'{APPROVED}'",
    "created_at": ":now",
    "updated_at": ":now",
}
# Where the terms name a column otherwise.
_RENAMED = {"seen_price": "price"}
FROM_TERMS: Mapping[str, str] = {
    column: field
    for column in (*READ, *KEPT)
    if column not in MADE_WITH and (field := _RENAMED.get(column, column)) in Terms.model_fields
}
# What its life adds.
LATER = (
    "limit_price",
    "filled_qty",
    "filled_avg_price",
    "denial_code",
    "reason",
    "broker_updated_at",
)

# What its user does not see of it, and what they see that is not read with it.
_HIDDEN = ("firebase_uid", "seen_price", "max_price_drift_pct", "broker_updated_at")
SHOWN = (
    *(column for column in READ if column not in _HIDDEN),
    *("alpaca_order_id AS broker_order_id", "submitted_at", "filled_at", "updated_at"),
)

INSERT_ASKED = (
    f"INSERT INTO trade_orders ({', '.join((*MADE_WITH, *FROM_TERMS))})"
    f" VALUES ({', '.join(f':{column}' for column in (*MADE_WITH, *FROM_TERMS))})"
)
INSERT_UNASKED = (
    f"INSERT INTO trade_orders ({', '.join((*MADE_WITH, *FROM_TERMS))})"
    f" SELECT {', '.join((*MADE_WITH.values(), *(f'(ordering).{each}' for each in FROM_TERMS)))}"
)


def values_of(terms: Terms) -> dict[str, Any]:
    """Return what an order takes from the terms that its user saw, by column."""
    return {column: getattr(terms, field) for column, field in FROM_TERMS.items()}
