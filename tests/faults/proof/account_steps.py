"""What happens in the account beside us: trades by hand, and splits."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import httpx

from common.market import trading_day
from tests.faults.proof.world import World

BY_HAND = "by-hand-"
_ORDERS = "https://broker.invalid/v2/orders"
_numbers = count()


@dataclass(frozen=True)
class TradesByHand:
    """The owner of the account trades in the broker's own app; what it refuses, does not happen.

    Their connection meets the faults that ours meets, and may be closed before they get a reply.
    """

    symbol: str
    side: str
    qty: str

    def run(self, world: World) -> None:
        """Place the order as nobody of ours."""
        simulator = world.simulator
        order = {
            "symbol": self.symbol,
            "side": self.side,
            "qty": self.qty,
            "type": "market",
            "time_in_force": "gtc" if "/" in self.symbol else "day",
            "position_intent": f"{self.side}_to_{'open' if self.side == 'buy' else 'close'}",
            "client_order_id": f"{BY_HAND}{next(_numbers)}",
        }
        keys = {
            "APCA-API-KEY-ID": simulator.key_id,
            "APCA-API-SECRET-KEY": simulator.secret_key,
        }
        request = httpx.Request("POST", _ORDERS, json=order, headers=keys)
        with suppress(httpx.HTTPError):
            world.parts.broker.handle_request(request)


@dataclass(frozen=True)
class IsSplit:
    """A split is announced for the next day."""

    symbol: str
    new_rate: int
    old_rate: int

    def run(self, world: World) -> None:
        """Announce it; the broker restates what is held when the day begins."""
        tomorrow = trading_day(world.simulator.clock.now()) + timedelta(days=1)
        world.simulator.corporate_actions.announce(
            "forward_split",
            symbol=self.symbol,
            new_rate=self.new_rate,
            old_rate=self.old_rate,
            ex_date=tomorrow.isoformat(),
        )
