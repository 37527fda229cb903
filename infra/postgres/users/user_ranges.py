"""The users of a config, cut into ranges that are worked through one by one."""

from collections.abc import Iterable
from dataclasses import dataclass

from infra.postgres.database import Transaction


@dataclass(frozen=True)
class UserRange:
    """Users from one uid to another, both included, and how many."""

    first_uid: str
    last_uid: str
    users: int


def of_config(
    tx: Transaction, config_key: str, size: int, held: Iterable[str] | None = None
) -> list[UserRange]:
    """Cut the enabled users of a config into ranges of `size`, by an index alone.

    With `held`, only those who hold one of these symbols count.
    """
    rows = tx.rows(
        """
        SELECT min(firebase_uid) AS first_uid, max(firebase_uid) AS last_uid, count(*) AS users
        FROM (
            SELECT firebase_uid,
                   (row_number() OVER (ORDER BY firebase_uid) - 1) / CAST(:size AS bigint) AS range
            FROM user_trading_config c
            WHERE enabled AND config_key = :config_key
              AND (CAST(:held AS text[]) IS NULL
                   OR EXISTS (SELECT FROM trades t
                              WHERE t.firebase_uid = c.firebase_uid AND t.closed_at IS NULL
                                AND t.symbol = ANY(CAST(:held AS text[]))))
        ) AS users
        GROUP BY range ORDER BY range
        """,
        config_key=config_key,
        size=size,
        held=None if held is None else list(held),
    )
    return [UserRange(**row) for row in rows]
