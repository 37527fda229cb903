"""The users of a config, cut into ranges that are worked through one by one."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from common.messages import Audience
from infra.postgres.database import Transaction, to_json


@dataclass(frozen=True)
class UserRange:
    """Users from one uid to another, both included, and how many."""

    first_uid: str
    last_uid: str
    users: int


def of_configs(
    tx: Transaction, holders: Mapping[str, Collection[str] | None], size: int
) -> dict[str, list[UserRange]]:
    """Cut the enabled users of configs, by key, into ranges of `size`, by an index alone.

    Where symbols are given for a config, only those of its users count who hold one of them.
    """
    rows = tx.rows(
        """
        SELECT config_key, min(firebase_uid) AS first_uid, max(firebase_uid) AS last_uid,
               count(*) AS users
        FROM jsonb_to_recordset(CAST(:wanted AS jsonb)) AS wanted (config_key text, held text[])
        CROSS JOIN LATERAL (
            SELECT firebase_uid,
                   (row_number() OVER (ORDER BY firebase_uid) - 1) / CAST(:size AS bigint) AS range
            FROM user_trading_config c
            WHERE enabled AND config_key = wanted.config_key
              AND (wanted.held IS NULL
                   OR EXISTS (SELECT FROM trades t
                              WHERE t.firebase_uid = c.firebase_uid AND t.closed_at IS NULL
                                AND t.symbol = ANY(wanted.held)))
        ) AS users
        GROUP BY config_key, range ORDER BY config_key, range
        """,
        wanted=to_json(
            [
                {"config_key": key, "held": None if held is None else list(held)}
                for key, held in holders.items()
            ]
        ),
        size=size,
    )
    ranges = defaultdict[str, list[UserRange]](list)
    for row in rows:
        ranges[row.pop("config_key")].append(UserRange(**row))
    return ranges


# The ranges of audiences, as rows of a statement; the values are those of `range_values`.
RANGES = "unnest(CAST(:keys AS text[]), CAST(:first_uids AS text[]), CAST(:last_uids AS text[]))"


def range_values(audiences: Sequence[Audience]) -> dict[str, list[str]]:
    """Name the values of `RANGES`."""
    return {
        "keys": [each.config_key for each in audiences],
        "first_uids": [each.first_uid for each in audiences],
        "last_uids": [each.last_uid for each in audiences],
    }


def uids_of_each(tx: Transaction, audiences: Sequence[Audience]) -> list[list[str]]:
    """Read the enabled users of each audience, in the database's order."""
    rows = tx.rows(
        f"""
        SELECT (SELECT json_agg(firebase_uid ORDER BY firebase_uid) FROM user_trading_config
                WHERE enabled AND config_key = range.config_key
                  AND firebase_uid BETWEEN range.first_uid AND range.last_uid) AS uids
        FROM {RANGES} WITH ORDINALITY AS range (config_key, first_uid, last_uid, place)
        ORDER BY place
        """,
        **range_values(audiences),
    )
    return [row["uids"] or [] for row in rows]
