"""The guards that the fault proof must notice when they are gone: where, and what instead."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """One replacement in a file; what is replaced stands there exactly once."""

    path: str
    guard: str
    instead: str = ""


@dataclass(frozen=True)
class Mutation:
    """A guard in words, and the edits that take it away."""

    guard: str
    edits: Sequence[Edit]


_ORDERS, _SUBMIT = "infra/postgres/trading/orders.py", "functions/submit_order.py"
_USER_LOCK = Edit(_ORDERS, "WHERE id = :id)\n            FOR UPDATE\n", "WHERE id = :id)\n")
_ORDER_LOCK = Edit(_ORDERS, "FROM owner) FOR UPDATE\n", "FROM owner)\n")

_LOOK_UP = """\
        broker_order = self.trading.look_up(order)
        if broker_order is not None:
            self.record(order, broker_order)
            return
"""
_NOT_SENT = '            raise TransientError(f"order {order.id} is not sent again: {denied.code}")'
_DENIED_AT_ONCE = """\
            with self.session.transaction() as tx:
                orders.deny(tx, orders.lock(tx, order.id), denied, self.now)
            return"""
_INSERT = '    tx.run(\n        "INSERT INTO outbox'
_PUBLISHED_AFTER_COMMIT = """\
        try:
            while outbox.after_commit:
                message, key = outbox.after_commit.pop(0)
                data, named = message.model_dump_json().encode(), {"outbox_id": str(id(message))}
                self._publisher.publish(message.topic, [PubsubMessage(data, key, named)])
            self.publish_pending()"""

# What the user's lock alone keeps apart, the order's lock keeps apart once more: it has no row of
# its own here, because nothing can be seen without it as long as the user's stands before it.
CORE = (
    Mutation("the look-up before an order is sent again", [Edit(_SUBMIT, _LOOK_UP)]),
    Mutation("the lock of the user's row", [_USER_LOCK]),
    Mutation("the locks of the user's and the order's row", [_USER_LOCK, _ORDER_LOCK]),
    Mutation(
        "the lock of the question's row",
        [Edit("infra/postgres/trading/confirmations.py", ' + " FOR UPDATE OF c"')],
    ),
    Mutation(
        "the reservation",
        [
            Edit(
                _ORDERS,
                "reserved_at = :now, reserved_usd = :reserved_usd, limit_price",
                "limit_price",
            )
        ],
    ),
    Mutation(
        "the one id of an order at the broker",
        [
            Edit(
                "common/orders/order.py",
                '"client_order_id": self.client_order_id,',
                '"client_order_id": f"cs-{__import__(\'uuid\').uuid4()}",',
            )
        ],
    ),
    Mutation(
        "the outbox row in the transaction (published after the commit instead)",
        [
            Edit(
                "infra/postgres/messages/outbox.py",
                _INSERT,
                f"    after_commit.append((message, ordering_key))\n    return\n{_INSERT}",
            ),
            Edit(
                "infra/postgres/messages/outbox.py",
                "\n\n# As in the table's",
                "\n\nafter_commit: list[tuple[Message, str]] = []\n# As in the table's",
            ),
            Edit(
                "infra/workflows/outbox_relay.py",
                "        try:\n            self.publish_pending()",
                _PUBLISHED_AFTER_COMMIT,
            ),
        ],
    ),
    Mutation(
        "the expiry of the question, when it is answered",
        [Edit("common/questions.py", " or now > confirmation.expires_at:", ":")],
    ),
    Mutation(
        "the expiry of the approval, among the guardrails",
        [Edit("common/guardrails/__init__.py", "    consent.question_has_not_expired,\n")],
    ),
)

_CHECKS = (
    "consent.trading_is_not_halted",
    "market.market_is_open",
    "market.price_is_fresh",
    "limits.account_is_not_blocked",
    "limits.day_has_a_slot",
    "limits.window_has_room",
    "limits.no_outcome_is_pending",
)
FURTHER = (
    *(
        Mutation(f"guardrail {name}", [Edit("common/guardrails/__init__.py", f"    {name},\n")])
        for name in _CHECKS
    ),
    Mutation(
        "the difference between an unknown outcome and a refusal",
        [
            Edit(
                "infra/alpaca/http.py",
                "    if refused and response.status_code",
                "    if not response.is_success and response.status_code",
            )
        ],
    ),
    Mutation(
        "the patience with an order that may still arrive",
        [Edit(_SUBMIT, _NOT_SENT, _DENIED_AT_ONCE)],
    ),
    Mutation(
        "the fresh judgement before an order is sent again",
        [Edit(_SUBMIT, _NOT_SENT, "            pass")],
    ),
    Mutation(
        "the cumulative quantity that fills are known by",
        [
            Edit(
                "common/holdings/positions.py",
                "qty = reported_qty - known_qty",
                "qty = reported_qty",
            )
        ],
    ),
)
MUTATIONS = (*CORE, *FURTHER)
