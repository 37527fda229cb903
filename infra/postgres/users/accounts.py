"""Users as an operator sees them: who there is, and how one is deleted."""

from typing import Any
from uuid import uuid4

from common.errors import PermanentError
from common.orders.status import TERMINAL
from infra.postgres.database import Transaction

# Our tables of records: what an order rests on and led to stays when its owner goes.
RECORDS = (
    "opportunities",
    "confirmations",
    "trade_orders",
    "fills",
    "trades",
    "position_adjustments",
)
# Our tables that go with their user.
PERSONAL = ("user_trading_config", "trading_cursors", "set_aside_rows")

_WITHOUT_ORDER = """
    NOT EXISTS (SELECT FROM trade_orders o
                WHERE o.firebase_uid = :uid AND o.opportunity_id = {opportunity})
"""


def list_all(tx: Transaction) -> list[dict[str, Any]]:
    """List the users with a config: is it enabled, and what is under way."""
    return tx.rows(
        """
        SELECT c.firebase_uid, c.enabled, c.template_name, c.updated_at,
               (SELECT count(*) FROM confirmations p
                WHERE p.firebase_uid = c.firebase_uid AND p.status = 'pending')
                   AS pending_questions,
               (SELECT count(*) FROM trade_orders o
                WHERE o.firebase_uid = c.firebase_uid
                  AND o.status <> ALL(CAST(:terminal AS text[]))) AS open_orders,
               (SELECT count(*) FROM trade_orders o WHERE o.firebase_uid = c.firebase_uid)
                   AS orders
        FROM user_trading_config c ORDER BY c.firebase_uid
        """,
        terminal=sorted(TERMINAL),
    )


def delete(tx: Transaction, firebase_uid: str) -> str | None:
    """Delete a user's config, state and questions that led to no order.

    Their orders, and what those rest on and led to, move to a new pseudonym, which is returned;
    None when there are none. Their receipts are gone. The row in `users` is the app's and stays.
    Raises PermanentError while an order or a position of theirs is open, or when there is no such
    user.
    """
    if not tx.rows("SELECT 1 FROM users WHERE firebase_uid = :uid FOR UPDATE", uid=firebase_uid):
        raise PermanentError(f"there is no user {firebase_uid}")
    _refuse_open(tx, firebase_uid)
    for table in PERSONAL:
        tx.run(f"DELETE FROM {table} WHERE firebase_uid = :uid", uid=firebase_uid)
    tx.run("DELETE FROM trading_controls WHERE scope = :uid", uid=firebase_uid)
    _delete_what_led_to_no_order(tx, firebase_uid)
    return _move_to_pseudonym(tx, firebase_uid)


def _refuse_open(tx: Transaction, firebase_uid: str) -> None:
    found = tx.row(
        """
        SELECT (SELECT count(*) FROM trade_orders o
                WHERE o.firebase_uid = :uid AND o.status <> ALL(CAST(:terminal AS text[])))
                   AS orders,
               (SELECT count(*) FROM trades t
                WHERE t.firebase_uid = :uid AND t.closed_at IS NULL) AS positions
        """,
        uid=firebase_uid,
        terminal=sorted(TERMINAL),
    )
    counts = {what: count for what, count in (found or {}).items() if count}
    if counts:
        work = " and ".join(f"{count} open {what}" for what, count in counts.items())
        raise PermanentError(f"{firebase_uid} has {work}: cancel or close them first")


def _delete_what_led_to_no_order(tx: Transaction, firebase_uid: str) -> None:
    """Delete questions, answers and opportunities, newest follow-ups first."""
    gone = tx.rows(
        f"""
        DELETE FROM confirmations p
        WHERE p.firebase_uid = :uid AND {_WITHOUT_ORDER.format(opportunity="p.opportunity_id")}
        RETURNING p.question_id
        """,
        uid=firebase_uid,
    )
    tx.run(
        "DELETE FROM questions WHERE id = ANY(CAST(:ids AS uuid[]))",
        ids=[row["question_id"] for row in gone],
    )
    tx.run(
        f"""
        DELETE FROM opportunities f
        WHERE f.firebase_uid = :uid AND {_WITHOUT_ORDER.format(opportunity="f.id")}
        """,
        uid=firebase_uid,
    )


def _move_to_pseudonym(tx: Transaction, firebase_uid: str) -> str | None:
    """Give the records that are left another owner."""
    if not tx.rows(
        "SELECT 1 FROM trade_orders WHERE firebase_uid = :uid LIMIT 1", uid=firebase_uid
    ):
        return None
    pseudonym = f"deleted-{uuid4().hex}"
    tx.run("INSERT INTO trading_users (firebase_uid) VALUES (:uid)", uid=pseudonym)
    # The app's table holds questions of its own, too.
    tx.run(
        """
        UPDATE questions SET firebase_uid = :pseudonym
        WHERE id IN (SELECT question_id FROM confirmations WHERE firebase_uid = :uid)
        """,
        pseudonym=pseudonym,
        uid=firebase_uid,
    )
    # A receipt commits to its user's id: nobody else's can stand in its place.
    tx.run("UPDATE trade_orders SET consented = NULL WHERE firebase_uid = :uid", uid=firebase_uid)
    for table in RECORDS:
        tx.run(
            f"UPDATE {table} SET firebase_uid = :pseudonym WHERE firebase_uid = :uid",
            pseudonym=pseudonym,
            uid=firebase_uid,
        )
    return pseudonym
