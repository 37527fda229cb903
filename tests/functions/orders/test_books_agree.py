"""Our positions, their cost and their profit equal the broker's records and an independent count.

Each seed is a sequence of orders of two users, partial fills, fees in the coin, trades by hand
beside them, and splits.
"""

import random
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from functions import wiring
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from infra.simulator.ledger import audit
from tests.conftest import rows
from tests.functions.orders.approvals import approve, enroll_unasked
from tests.functions.orders.independent_books import BY_HAND, IndependentBooks
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import submit, tick

USERS = ("user-1", "user-2")
STOCK, COIN = "SPY", "BTC/USD"
SPLITS = ((10, 1), (2, 1), (3, 2), (1, 5), (21, 20))
STEPS = 12


class Account:
    """The account, its users, and whoever trades it by hand."""

    def __init__(self, db: Database, simulator: SimulatedBroker, url: str, seed: int) -> None:
        self.db, self.simulator, self.url = db, simulator, url
        self.chance = random.Random(seed)
        self.closes = {STOCK: Decimal(492), COIN: Decimal(60_000)}
        self.printed = dict(self.closes)
        self.books = IndependentBooks()
        sales = (self.sell_twice, self.sell_twice, self.close)
        self.steps = (self.buy, self.buy, self.buy, *sales, self.trade_by_hand, self.split)
        self.price(STOCK)
        self.price(COIN)

    def step(self) -> None:
        """Do one thing, and let the records settle."""
        self.chance.choice(self.steps)()
        for pause in (timedelta(seconds=30), timedelta(minutes=3)):
            self.simulator.clock.advance(pause)
            self.price(STOCK)
            self.price(COIN)
            reconcile()
        fills = rows(
            self.db,
            "SELECT alpaca_order_id, firebase_uid FROM trade_orders WHERE alpaca_order_id <> ''",
        )
        owners = {row["alpaca_order_id"]: row["firebase_uid"] for row in fills}
        self.books.follow(self.simulator.ledger, owners)

    def price(self, symbol: str) -> None:
        """Print a price near the last close."""
        close = self.closes[symbol]
        price = (close * self.chance.randint(97, 103) / 100).quantize(Decimal("0.01"))
        self.printed[symbol] = price
        self.simulator.market.set_price(symbol, price, prev_close=close, live=True)

    def order(self, uid: str, symbol: str, side: str, qty: Decimal) -> None:
        """Submit an approved order, which may fill in parts."""
        if self.chance.random() < 0.5:
            self.simulator.faults.add("partial_fill", fraction="0.4", every=5)
        now, price = self.simulator.clock.now(), self.printed[symbol]
        order_id = approve(
            self.db, now, timedelta(minutes=15), side, uid=uid, symbol=symbol, qty=qty, price=price
        )
        assert submit(order_id).status_code == 200

    def buy(self) -> None:
        """A user buys shares, or the first of them coins."""
        if self.chance.random() < 0.4:
            self.order(USERS[0], COIN, "buy", Decimal(self.chance.randint(1, 50)) / 1000)
        else:
            self.order(self.chance.choice(USERS), STOCK, "buy", Decimal(self.chance.randint(1, 9)))

    def held(self, uid: str, symbol: str) -> Decimal:
        """Return what a user holds by our records."""
        found = rows(
            self.db,
            "SELECT qty FROM trades WHERE closed_at IS NULL AND firebase_uid = :uid"
            " AND symbol = :symbol",
            uid=uid,
            symbol=symbol,
        )
        return sum((row["qty"] for row in found), Decimal(0))

    def holders(self, symbol: str) -> list[str]:
        """Name the users who hold a symbol."""
        return [uid for uid in USERS if self.held(uid, symbol) > 0]

    def by_hand(self, symbol: str) -> Decimal:
        """Return what is held beside the users."""
        found = rows(
            self.db,
            "SELECT qty FROM manual_holdings WHERE symbol = :symbol",
            symbol=symbol.replace("/", ""),
        )
        return sum((row["qty"] for row in found), Decimal(0))

    def sell(self, times: int, most: int) -> None:
        """Sell up to a multiple (in percent) of what a user holds, several times at once."""
        symbol = self.chance.choice((STOCK, STOCK, COIN))
        for uid in self.holders(symbol)[:1]:
            held = self.held(uid, symbol)
            for _ in range(times):
                share = Decimal(self.chance.randint(20, most)) / 100
                qty = (held * share).quantize(Decimal("1e-6"))
                if qty > Decimal("0.001"):
                    self.order(uid, symbol, "sell", qty)

    def sell_twice(self) -> None:
        """Two orders of one user want to sell more than there is."""
        self.sell(times=2, most=150)

    def close(self) -> None:
        """One order sells some of it, or all."""
        self.sell(times=1, most=100)

    def trade_by_hand(self) -> None:
        """The account's owner trades beside us, so that it can be told whose units they sell."""
        holders, free = self.holders(STOCK), self.by_hand(STOCK)
        if len(holders) == 1:
            free += self.held(holders[0], STOCK)
        qty = min(Decimal(self.chance.randint(1, 5)), free)
        if self.chance.random() < 0.5 and qty > 0:
            self.place_by_hand("sell", qty)
        else:
            self.place_by_hand("buy", Decimal(self.chance.randint(1, 5)))

    def place_by_hand(self, side: str, qty: Decimal) -> None:
        """Place an order that is none of ours."""
        keys = (self.simulator.key_id, self.simulator.secret_key)
        httpx.post(
            f"{self.url}/v2/orders",
            headers=dict(zip(("APCA-API-KEY-ID", "APCA-API-SECRET-KEY"), keys, strict=True)),
            json={
                "symbol": STOCK,
                "side": side,
                "qty": str(qty),
                "type": "market",
                "time_in_force": "day",
            },
        ).raise_for_status()

    def split(self) -> None:
        """The stock splits on the next day of trading."""
        new, old = self.chance.choice(SPLITS)
        day = self.simulator.clock.now() + timedelta(days=1)
        while day.weekday() >= 5 or not self.simulator.calendar.at(day):
            day += timedelta(days=1)
        self.simulator.corporate_actions.announce(
            "forward_split" if new > old else "reverse_split",
            symbol=STOCK,
            new_rate=new,
            old_rate=old,
            ex_date=day.date().isoformat(),
        )
        self.simulator.clock.set(day)
        self.closes[STOCK] = self.closes[STOCK] * old / new
        self.price(STOCK)
        self.price(COIN)
        tick()


def close_to(ours: Decimal, counted: object) -> bool:
    return float(ours) == pytest.approx(float(counted), rel=1e-6, abs=1e-6)  # type: ignore[arg-type]


def check(account: Account) -> None:
    """Compare what we say of every position with the broker and with the independent count."""
    assert account.books.oversold == []
    assert audit.problems(account.simulator.ledger) == []
    for symbol in (STOCK, COIN):
        at_broker = account.simulator.ledger.position(symbol)
        ours = sum((account.held(uid, symbol) for uid in USERS), Decimal(0))
        units = at_broker.qty if at_broker else Decimal(0)
        assert ours + account.by_hand(symbol) == units
        assert close_to(account.by_hand(symbol), account.books.positions[BY_HAND, symbol].units)
        for uid in USERS:
            found = rows(
                account.db,
                "SELECT coalesce(sum(qty), 0) AS units, coalesce(sum(realized_pnl), 0) AS realized,"
                " coalesce(sum(qty * avg_entry_price), 0) AS cost FROM trades"
                " WHERE firebase_uid = :uid AND symbol = :symbol",
                uid=uid,
                symbol=symbol,
            )
            counted = account.books.positions[uid, symbol]
            for name, value in found[0].items():
                assert close_to(value, getattr(counted, name)), f"{name} of {uid} in {symbol}"


@pytest.fixture
def account(
    db: Database,
    simulator: SimulatedBroker,
    broker_url: str,
    environment: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Account:
    for cap in ("ORDER_NOTIONAL_USD", "ORDERS_PER_DAY", "NOTIONAL_USD_PER_4H"):
        environment.setenv(f"HARD_MAX_{cap}", "1000000")
    for cap in ("ORDERS_PER_DAY", "NOTIONAL_USD_PER_4H", "NOTIONAL_USD_PER_DAY"):
        environment.setenv(f"HARD_MAX_SERVER_{cap}", "1000000")
    wiring.reset()
    simulator.switches.coin_fee_rate = Decimal("0.0025")
    coins = {"id": "coins", "source": "alpaca", "asset_class": "crypto", "symbols": [COIN]}
    for uid in USERS:
        enroll_unasked(db, uid, data_inputs=[coins])
    opened = Account(db, simulator, broker_url, request.param)
    tick()
    return opened


@pytest.mark.parametrize("account", range(8), indirect=True)
def test_after_every_step_our_books_are_the_brokers_and_an_independent_count(
    account: Account,
) -> None:
    for _ in range(STEPS):
        account.step()

        check(account)

    assert account.simulator.ledger.fills()
