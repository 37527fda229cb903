"""What the database says of users before they are asked: no lock, and no order yet.

What is read here only spares people a question that could not lead to an order: the same guardrails
judge the order itself, under the lock of its user.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from common.guardrails.facts import Exposure
from common.holdings.drift import Drift
from common.market import trading_day
from common.rules.base import Position
from infra.postgres.database import Row, Transaction
from infra.postgres.trading import controls, exposure
from infra.postgres.trading.adjustments import IS_SOUND
from infra.postgres.trading.exposure import NOTHING_RESERVED, ON_SALE, Reserved


@dataclass(frozen=True)
class KnownExposures:
    """The exposure of each user of whom something is stored, and of all others alike."""

    others: Exposure
    by_uid: Mapping[str, Exposure]
    holders: Mapping[str, Mapping[str, Row]]
    changed_basis: Mapping[str, str]

    def of_others(self, symbol: str) -> Exposure:
        """Return the exposure of whoever has nothing stored, as far as a symbol goes."""
        return replace(self.others, changed_basis=self.changed_basis.get(symbol))

    def of(self, firebase_uid: str, symbol: str) -> Exposure:
        """Return a user's exposure, as far as a symbol goes."""
        own = self.by_uid.get(firebase_uid, self.others)
        changed_basis = self.changed_basis.get(symbol)
        held = self.holders.get(symbol, {}).get(firebase_uid)
        if held is None:
            return replace(own, changed_basis=changed_basis)
        differs = held["drift_symbol"] is not None
        return replace(
            own,
            changed_basis=changed_basis or held["unexplained"],
            position=Position(held["qty"], held["avg_entry_price"]),
            on_sale=held["on_sale"],
            drift=Drift(held["drift_symbol"], held["ours"], held["brokers"]) if differs else None,
        )

    def known(self, symbol: str, uids: Iterable[str]) -> dict[str, Exposure]:
        """Return those of these users' exposures that are not that of all others, by uid."""
        holders = self.holders.get(symbol, {})
        return {uid: self.of(uid, symbol) for uid in uids if uid in self.by_uid or uid in holders}


def read(
    tx: Transaction,
    uids: Sequence[str],
    symbols: Collection[str],
    asked_at: datetime,
    now: datetime,
    *,
    with_pnl: Sequence[str],
) -> KnownExposures:
    """Read what may keep users from trading some symbols; `asked_at` is when their rules fired.

    A number of statements that depends neither on the number of users nor on that of symbols. The
    day's profit and loss is read of those `with_pnl` alone.
    """
    everybody = controls.of_everybody(tx, now)
    own_controls = controls.own_of_each(tx, uids, now)
    reserved = exposure.reserved_of_each(tx, uids, now)
    pending = exposure.outcomes_pending_of_each(tx, uids, now)
    day_pnl = exposure.day_pnl_of_each(tx, with_pnl, now) if with_pnl else {}
    others = _exposure(NOTHING_RESERVED, Decimal(0))
    others = replace(others, controls=everybody, all_users=exposure.reserved_by_all(tx, now))

    def of(uid: str) -> Exposure:
        own = _exposure(reserved.get(uid, NOTHING_RESERVED), day_pnl.get(uid, Decimal(0)))
        return replace(
            own,
            controls=(*everybody, own_controls[uid]) if uid in own_controls else everybody,
            outcome_pending=str(pending[uid][0]) if uid in pending else None,
            all_users=others.all_users,
        )

    known = own_controls.keys() | reserved.keys() | pending.keys() | day_pnl.keys()
    return KnownExposures(
        others,
        {uid: of(uid) for uid in known},
        _holders(tx, uids, symbols, now),
        _changed_basis(tx, symbols, asked_at),
    )


def _exposure(taken: Reserved, day_pnl: Decimal | None) -> Exposure:
    return Exposure(
        orders_today=taken.orders_today,
        notional_in_window=taken.notional_in_window,
        position=None,
        day_pnl=day_pnl,
        outcome_pending=None,
    )


def _holders(
    tx: Transaction, uids: Sequence[str], symbols: Collection[str], now: datetime
) -> dict[str, dict[str, Row]]:
    """Read who holds what of the symbols, and what is not explained about it."""
    rows = tx.rows(
        f"""
        SELECT t.firebase_uid, t.symbol, t.qty, t.avg_entry_price,
               d.symbol AS drift_symbol, d.ours, d.brokers,
               ({ON_SALE} AND o.firebase_uid = t.firebase_uid AND o.symbol = t.symbol) AS on_sale,
               (SELECT min(a.kind || ' on ' || a.ex_date) FROM corporate_actions a
                WHERE a.symbol = t.symbol AND a.effect = 'unexplained' AND a.resolved_at IS NULL
                  AND a.ex_date <= CAST(:today AS date)
                  AND t.opened_at < a.ex_date AT TIME ZONE 'America/New_York') AS unexplained
        FROM trades t
        LEFT JOIN position_drifts d ON d.symbol = replace(t.symbol, '/', '')
        WHERE t.firebase_uid = ANY(CAST(:uids AS text[]))
          AND t.symbol = ANY(CAST(:symbols AS text[])) AND t.closed_at IS NULL AND {IS_SOUND}
        """,
        uids=list(uids),
        symbols=list(symbols),
        today=trading_day(now),
    )
    holders: dict[str, dict[str, Row]] = {}
    for row in rows:
        holders.setdefault(row["symbol"], {})[row["firebase_uid"]] = row
    return holders


def _changed_basis(tx: Transaction, symbols: Collection[str], asked_at: datetime) -> dict[str, str]:
    """Name a corporate action by symbol that was applied since the rules fired."""
    rows = tx.rows(
        """
        SELECT symbol, min(kind || ' on ' || ex_date) AS what FROM corporate_actions
        WHERE symbol = ANY(CAST(:symbols AS text[])) AND applied_at > :asked_at
          AND ex_date > CAST(:asked_at AS timestamptz) - interval '3 days'
        GROUP BY symbol
        """,
        symbols=list(symbols),
        asked_at=asked_at,
    )
    return {row["symbol"]: row["what"] for row in rows}
