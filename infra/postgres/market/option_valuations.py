"""What the pricing library made of stored option snapshots (`option_valuations`)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal

from common.occ import OptionType
from infra.postgres.database import Transaction, to_json

_NUMBERS = (
    "implied_volatility",
    "delta",
    "gamma",
    "theta",
    "vega",
    "rho",
    "historical_volatility",
    "fair_price",
)


@dataclass(frozen=True)
class Unvalued:
    """A snapshot to value; `mid` is None without a two-sided quote, the rest where unknown."""

    snapshot_id: int
    known_at: datetime
    type: OptionType
    strike: float
    years: float
    underlying_price: float
    mid: float | None
    implied_volatility: float | None
    has_greeks: bool
    historical_volatility: Decimal | None


@dataclass(frozen=True)
class Valuation:
    """What was computed of a snapshot; None where the broker said it, or nothing can be said."""

    snapshot_id: int
    known_at: datetime
    implied_volatility: float | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None
    rho: float | None = None
    historical_volatility: Decimal | None = None
    fair_price: float | None = None


def unvalued(tx: Transaction, report_date: date, as_of: datetime) -> list[Unvalued]:
    """Read what is not valued yet: each contract's last snapshot in each five minutes of the day.

    One that had to do without its underlying's history is read again once that is known.
    """
    rows = tx.rows(
        """
        WITH span AS MATERIALIZED (
            SELECT since, until
            FROM utils_statistics.reported_span(CAST(:day AS date), CAST(:as_of AS timestamptz))
        ),
        scanned AS MATERIALIZED (
            SELECT DISTINCT ON (s.contract, date_bin('5 minutes', s.created_at, span.since))
                   s.id, s.created_at, s.underlying, s.type, s.strike, s.expiry, s.bid, s.ask,
                   s.underlying_price, s.implied_volatility,
                   num_nulls(s.delta, s.gamma, s.theta, s.vega, s.rho) = 0 AS has_greeks
            FROM span JOIN option_snapshots s
                ON s.created_at >= span.since AND s.created_at < span.until
            ORDER BY s.contract, date_bin('5 minutes', s.created_at, span.since),
                     s.created_at DESC, s.id DESC
        ),
        histories AS MATERIALIZED (
            SELECT u.underlying,
                   utils_statistics.historical_volatility(u.underlying, span.since) AS volatility
            FROM span, (SELECT DISTINCT underlying FROM scanned) AS u
        )
        SELECT s.id AS snapshot_id, s.created_at AS known_at, s.type,
               CAST(s.strike AS float8) AS strike,
               CAST((s.expiry - CAST(:day AS date)) / 365.25 AS float8) AS years,
               CAST(s.underlying_price AS float8) AS underlying_price,
               CASE WHEN s.bid > 0 AND s.ask >= s.bid THEN CAST((s.bid + s.ask) / 2 AS float8) END
                   AS mid,
               CAST(s.implied_volatility AS float8) AS implied_volatility, s.has_greeks,
               h.volatility AS historical_volatility
        FROM scanned s
        JOIN histories h ON h.underlying = s.underlying
        LEFT JOIN option_valuations v ON v.snapshot_id = s.id
        WHERE v.snapshot_id IS NULL
           OR (v.historical_volatility IS NULL AND h.volatility IS NOT NULL)
        """,
        day=report_date,
        as_of=as_of,
    )
    return [Unvalued(**row) for row in rows]


def store(tx: Transaction, valuations: Sequence[Valuation]) -> None:
    """Keep what was computed of these snapshots."""
    tx.run(
        f"""
        INSERT INTO option_valuations (snapshot_id, known_at, {", ".join(_NUMBERS)})
        SELECT snapshot_id, known_at, {", ".join(_NUMBERS)}
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS computed (
            snapshot_id bigint, known_at timestamptz,
            {", ".join(f"{name} numeric" for name in _NUMBERS)})
        ON CONFLICT (snapshot_id) DO UPDATE
        SET ({", ".join(_NUMBERS)}) = ROW ({", ".join(f"excluded.{name}" for name in _NUMBERS)})
        """,
        rows=to_json([asdict(each) for each in valuations]),
    )
