"""What was known of option contracts (`option_snapshots`), append-only."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from common.options import OptionSnapshot
from infra.postgres.database import Transaction, to_json
from infra.postgres.market.option_contracts import contract_of

# The columns that are named as the fields of a snapshot.
_NUMBERS = (
    "bid",
    "ask",
    "bid_size",
    "ask_size",
    "last_trade",
    "day_volume",
    "implied_volatility",
    "delta",
    "gamma",
    "theta",
    "vega",
    "rho",
    "underlying_price",
)
_COLUMNS = ", ".join(
    [
        *("contract", "underlying", "type", "strike", "expiry", "style", "open_interest", "feed"),
        *_NUMBERS,
        *("as_of", "raw"),
    ]
)
_TYPES = ", ".join(
    [
        "contract text, underlying text, type text, strike numeric, expiry date, style text",
        "open_interest bigint, feed text",
        *(f"{name} numeric" for name in _NUMBERS),
        "as_of timestamptz, raw jsonb",
    ]
)


def store(tx: Transaction, snapshots: Sequence[OptionSnapshot], now: datetime) -> int:
    """Append the snapshots that are new, in one statement; return how many were."""
    return tx.run(
        f"""
        INSERT INTO option_snapshots ({_COLUMNS}, created_at)
        SELECT {_COLUMNS}, :now
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS known ({_TYPES})
        ON CONFLICT DO NOTHING
        """,
        rows=to_json([_row(each) for each in snapshots]),
        now=now,
    )


def chain(tx: Transaction, underlying: str, feed: str, today: date) -> list[OptionSnapshot]:
    """Read the newest snapshot of each contract that has not expired, by symbol.

    One index descent per contract.
    """
    rows = tx.rows(
        f"""
        SELECT known.id, {", ".join(f"known.{name}" for name in _COLUMNS.split(", "))}
        FROM option_contracts c
        CROSS JOIN LATERAL (
            SELECT * FROM option_snapshots s
            WHERE s.contract = c.contract AND s.feed = :feed
            ORDER BY s.as_of DESC LIMIT 1
        ) AS known
        WHERE c.underlying = :underlying AND c.expiry >= CAST(:today AS date)
        ORDER BY c.contract
        """,
        underlying=underlying,
        feed=feed,
        today=today,
    )
    return [_snapshot(row) for row in rows]


def _row(each: OptionSnapshot) -> dict[str, Any]:
    contract = each.contract
    return {
        "contract": contract.symbol,
        "underlying": contract.underlying,
        "type": contract.type,
        "strike": contract.strike,
        "expiry": contract.expiry,
        "style": contract.style,
        "open_interest": contract.open_interest,
        "feed": each.feed,
        "as_of": each.as_of,
        "raw": each.raw,
        **{name: getattr(each, name) for name in _NUMBERS},
    }


def _snapshot(row: dict[str, Any]) -> OptionSnapshot:
    numbers = {name: row[name] for name in _NUMBERS}
    own = {name: row[name] for name in ("id", "feed", "as_of", "raw")}
    return OptionSnapshot(contract=contract_of(row), **own, **numbers)
