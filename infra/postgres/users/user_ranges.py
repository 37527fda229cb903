"""The users of a config, cut into ranges that are worked through one by one."""

from collections.abc import Collection, Iterable
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


def uids(tx: Transaction, config_key: str, first_uid: str, last_uid: str) -> list[str]:
    """Read the enabled users of one range, in the database's order."""
    rows = tx.rows(
        """
        SELECT firebase_uid FROM user_trading_config
        WHERE enabled AND config_key = :config_key
          AND firebase_uid BETWEEN :first_uid AND :last_uid
        ORDER BY firebase_uid
        """,
        config_key=config_key,
        first_uid=first_uid,
        last_uid=last_uid,
    )
    return [row["firebase_uid"] for row in rows]


def config_keys(tx: Transaction, ranges: Collection[tuple[str, str, str]]) -> dict[str, str]:
    """Read the enabled users of some ranges: the key of each one's config by their uid.

    A range is a config's key, a first and a last uid.
    """
    keys, first_uids, last_uids = (list(column) for column in zip(*ranges, strict=True))
    rows = tx.rows(
        """
        SELECT c.firebase_uid, c.config_key
        FROM unnest(CAST(:keys AS text[]), CAST(:first_uids AS text[]),
                    CAST(:last_uids AS text[])) AS range (config_key, first_uid, last_uid)
        JOIN user_trading_config c
            ON c.enabled AND c.config_key = range.config_key
           AND c.firebase_uid BETWEEN range.first_uid AND range.last_uid
        """,
        keys=keys,
        first_uids=first_uids,
        last_uids=last_uids,
    )
    return {row["firebase_uid"]: row["config_key"] for row in rows}
