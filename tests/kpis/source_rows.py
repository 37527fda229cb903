"""The rows that a day leaves in the database, written down directly."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from common.holdings.positions import Fill, Trade, apply_fill
from common.market import NEW_YORK
from common.occ import OccSymbol
from infra.postgres.database import Database, Transaction, to_json

Number = Decimal | int | str
Row = dict[str, Any]

# Parents before children.
TABLES = (
    "users",
    "market_sessions",
    "market_data_snapshots",
    "option_contracts",
    "option_snapshots",
    "opportunities",
    "questions",
    "confirmations",
    "trade_orders",
    "fills",
    "trades",
    "trade_fills",
    "account_equity",
    "position_quotes",
)


@dataclass(frozen=True)
class Execution:
    """One fill of a trade: `qty` is signed."""

    at: datetime
    qty: Decimal
    price: Decimal


@dataclass
class SourceRows:
    """Collects rows by table; ids count from 1 in the order in which things are written down."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def save(self, tx: Transaction) -> None:
        """Insert everything, each table in one statement."""
        for table in TABLES:
            if self.rows[table]:
                insert(tx, table, self.rows[table])
            if table in _NUMBERED and self.rows[table]:
                count_on(tx, table)

    def user(self, uid: str = "user-1") -> str:
        if all(row["firebase_uid"] != uid for row in self.rows["users"]):
            self._add("users", firebase_uid=uid)
        return uid

    def session(self, day: date, opens: datetime, closes: datetime) -> None:
        self._add(
            "market_sessions",
            trading_day=day,
            opens_at=opens,
            closes_at=closes,
            extended_opens_at=opens - timedelta(hours=5),
            extended_closes_at=closes + timedelta(hours=4),
            fetched_at=opens,
        )

    def fact(
        self,
        symbol: str,
        metric: str,
        price: Number,
        as_of: datetime,
        *,
        feed: str = "iex",
        created_at: datetime | None = None,
    ) -> None:
        self._add(
            "market_data_snapshots",
            symbol=symbol,
            asset_class="crypto" if feed == "us" else "us_equity",
            feed=feed,
            metric=metric,
            price=price,
            as_of=as_of,
            created_at=created_at or as_of,
        )

    def contract(self, symbol: str, open_interest: int | None = None) -> None:
        occ = OccSymbol.parse(symbol)
        self._add(
            "option_contracts",
            listing_id=1_000_000_001 + len(self.rows["option_contracts"]),
            contract=symbol,
            **_terms(occ),
            open_interest=open_interest,
            fetched_at=datetime(2010, 1, 1, tzinfo=NEW_YORK),
        )

    def option(
        self,
        symbol: str,
        at: datetime,
        underlying_price: Number,
        *,
        feed: str = "indicative",
        **known: Any,
    ) -> None:
        occ = OccSymbol.parse(symbol)
        row = {"as_of": at, "created_at": at, "raw": {}} | known
        self._add(
            "option_snapshots",
            contract=symbol,
            **_terms(occ),
            feed=feed,
            underlying_price=underlying_price,
            **row,
        )

    def opportunity(self, at: datetime, uid: str = "user-1", symbol: str = "SPY") -> uuid.UUID:
        row = self._add(
            "opportunities",
            id=uuid.uuid4(),
            firebase_uid=self.user(uid),
            rule_id="dip",
            rule_type="price_below_pct_of_ref",
            symbol=symbol,
            price=1,
            as_of=at + timedelta(microseconds=len(self.rows["opportunities"])),
            snapshot_ids=[],
            config_hash="c",
            fired_at=at,
        )
        opportunity_id: uuid.UUID = row["id"]
        return opportunity_id

    def notification(self, at: datetime, uid: str = "user-1") -> None:
        question = self._add(
            "questions",
            id=uuid.uuid4(),
            firebase_uid=self.user(uid),
            question_text="?",
            source_tag="trading:rule:dip",
            pipeline_key="trading",
            pipeline_step="dip:await_confirm",
            metadata={},
            created_at=at,
        )
        self._add(
            "confirmations",
            question_id=question["id"],
            opportunity_id=self.opportunity(at, uid),
            firebase_uid=uid,
            rule_id="dip",
            status="expired",
            asked_at=at,
            expires_at=at,
        )

    def trade(
        self,
        symbol: str,
        executions: Sequence[Execution],
        *,
        uid: str = "user-1",
        asset_class: str = "us_equity",
    ) -> int:
        """Write a position's life down: its executions in time's order, never beyond flat."""
        trade_id = len(self.rows["trades"]) + 1
        state: Trade | None = None
        for each in executions:
            fill_id, order_id = self._execution(symbol, each, uid, asset_class)
            side = "buy" if each.qty > 0 else "sell"
            qty = abs(each.qty)
            (part,) = apply_fill(state, Fill(side, qty, each.price, qty, each.at))  # type: ignore[arg-type]
            state = part.trade
            self._add("trade_fills", trade_id=trade_id, fill_id=fill_id, qty=part.qty)
        assert state is not None
        self._add(
            "trades",
            firebase_uid=uid,
            symbol=symbol,
            asset_class=asset_class,
            qty=state.qty,
            avg_entry_price=state.avg_entry_price,
            realized_pnl=state.realized_pnl,
            opened_at=state.opened_at,
            closed_at=state.closed_at,
            opening_order_id=order_id,
        )
        return trade_id

    def equity(self, at: datetime, equity: Number) -> None:
        quarter = at - timedelta(
            minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond
        )
        self._add("account_equity", quarter_hour=quarter, equity=equity, read_at=at)

    def quote(self, symbol: str, at: datetime, bid: Number, ask: Number) -> None:
        self._add("position_quotes", symbol=symbol, as_of=at, bid=bid, ask=ask)

    def _execution(
        self, symbol: str, each: Execution, uid: str, asset_class: str
    ) -> tuple[int, uuid.UUID]:
        side, qty = ("buy" if each.qty > 0 else "sell"), abs(each.qty)
        order = self._add(
            "trade_orders",
            id=uuid.uuid4(),
            firebase_uid=self.user(uid),
            client_order_id=f"cs-{len(self.rows['trade_orders'])}",
            symbol=symbol,
            side=side,
            order_type="market",
            qty=qty,
            status="filled",
            rule_id="dip",
            created_at=each.at,
            expires_at=each.at,
            updated_at=each.at,
            filled_at=each.at,
            filled_qty=qty,
            filled_avg_price=each.price,
            opportunity_id=self.opportunity(each.at, uid, symbol),
            asset_class=asset_class,
            time_in_force="day",
            config_hash="c",
            seen_price=each.price,
            max_price_drift_pct=1,
        )
        fill = self._add(
            "fills",
            order_id=order["id"],
            firebase_uid=uid,
            symbol=symbol,
            side=side,
            qty=qty,
            price=each.price,
            cum_qty=qty,
            filled_at=each.at,
        )
        return fill["id"], order["id"]

    def _add(self, table: str, **values: Any) -> Row:
        rows = self.rows[table]
        row = {"id": len(rows) + 1} | values if table in _NUMBERED else values
        rows.append(row)
        return row


_NUMBERED = {"market_data_snapshots", "option_snapshots", "fills", "trades"}


def insert(tx: Transaction, table: str, rows: Sequence[Row]) -> None:
    """Insert rows that all have the columns of the first."""
    columns = ", ".join(dict.fromkeys(name for row in rows for name in row))
    source = f"jsonb_populate_recordset(CAST(NULL AS {table}), CAST(:rows AS jsonb))"
    tx.run(
        f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {source}",  # noqa: S608
        rows=to_json(rows),
    )


def count_on(tx: Transaction, table: str) -> None:
    """Let the database's own numbers follow ours."""
    tx.rows(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")  # noqa: S608


class _Forgotten(Exception):  # noqa: N818 (nothing went wrong)
    """Rolls a transaction back."""


@contextmanager
def forgotten(db: Database) -> Iterator[Transaction]:
    """Run a transaction of which nothing stays."""

    with suppress(_Forgotten), db.transaction() as tx:
        yield tx
        raise _Forgotten


def _terms(occ: OccSymbol) -> Row:
    return {
        "underlying": occ.root.rstrip("0123456789"),  # adjusted contracts have a digit
        "type": occ.type,
        "strike": occ.strike,
        "expiry": occ.expiry,
        "style": "american",
    }
