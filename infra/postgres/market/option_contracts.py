"""The option contracts that the broker lists (`option_contracts`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from common.options import ChainBounds, OptionContract
from infra.postgres.database import Transaction, to_json


def store(tx: Transaction, contracts: Sequence[OptionContract], now: datetime) -> int:
    """Keep what the broker says now of these contracts; return how many there are."""
    rows = [
        {
            "contract": each.symbol,
            "underlying": each.underlying,
            "type": each.type,
            "strike": each.strike,
            "expiry": each.expiry,
            "style": each.style,
            "open_interest": each.open_interest,
        }
        for each in contracts
    ]
    return tx.run(
        """
        INSERT INTO option_contracts
            (contract, underlying, type, strike, expiry, style, open_interest, fetched_at)
        SELECT contract, underlying, type, strike, expiry, style, open_interest, :now
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS listed (
            contract text, underlying text, type text, strike numeric, expiry date,
            style text, open_interest bigint)
        ORDER BY contract
        ON CONFLICT (contract) DO UPDATE
        SET (open_interest, fetched_at) = (excluded.open_interest, excluded.fetched_at)
        """,
        rows=to_json(rows),
        now=now,
    )


def inside(tx: Transaction, bounds: Mapping[str, ChainBounds]) -> list[OptionContract]:
    """Read the contracts inside the bounds of each underlying, by symbol."""
    wanted = [
        {
            "underlying": underlying,
            "first_expiry": each.first_expiry,
            "last_expiry": each.last_expiry,
            "lowest_strike": each.lowest_strike,
            "highest_strike": each.highest_strike,
        }
        for underlying, each in bounds.items()
    ]
    rows = tx.rows(
        """
        SELECT c.contract, c.underlying, c.type, c.strike, c.expiry, c.style, c.open_interest
        FROM jsonb_to_recordset(CAST(:wanted AS jsonb)) AS w (
            underlying text, first_expiry date, last_expiry date,
            lowest_strike numeric, highest_strike numeric)
        JOIN option_contracts c
            ON c.underlying = w.underlying
            AND c.expiry BETWEEN w.first_expiry AND w.last_expiry
            AND c.strike BETWEEN w.lowest_strike AND w.highest_strike
        ORDER BY c.contract
        """,
        wanted=to_json(wanted),
    )
    return [contract_of(row) for row in rows]


def contract_of(row: dict[str, Any]) -> OptionContract:
    """Return the contract that a row describes."""
    return OptionContract(
        row["contract"],
        row["underlying"],
        row["type"],
        row["strike"],
        row["expiry"],
        row["style"],
        row["open_interest"],
    )
