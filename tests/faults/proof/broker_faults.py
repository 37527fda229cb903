"""The broker's part of bad luck: each of the simulator's faults, where it hurts an order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.faults.proof.world import World

ORDERS = "/v2/orders"
_LOOKUP = "/v2/orders:by_client_order_id"
_QUOTES = "/v2/stocks/snapshots"


@dataclass(frozen=True)
class BrokerFails:
    """The next requests or orders of some kind are hit by a fault of the simulator."""

    kind: str
    method: str | None = None
    path: str | None = None
    times: int = 1
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hits_cancellations(self) -> bool:
        """Whether only a cancellation can be hit by it."""
        return self.method == "DELETE" or self.kind == "fill_before_cancel"

    def run(self, world: World) -> None:
        """Arm it.

        A broker that hides an order and lets its id be used again would fool anybody.
        """
        faults, switches = world.simulator.faults, world.simulator.switches
        if self.kind != "missing_in_lookup" or switches.cancelled_ids_stay_taken:
            faults.add(
                self.kind, times=self.times, method=self.method, path=self.path, **self.parameters
            )


@dataclass(frozen=True)
class BrokerIs:
    """The broker behaves differently until further notice."""

    switch: str
    value: Any

    def run(self, world: World) -> None:
        """Turn the simulator's switch."""
        if getattr(world.simulator.switches, self.switch) != self.value:
            world.switched_at[self.switch] = world.simulator.clock.now()
        setattr(world.simulator.switches, self.switch, self.value)


def _status(status: int, method: str, path: str, times: int = 1, **more: Any) -> BrokerFails:
    return BrokerFails("status", method, path, times, {"status": status, **more})


def _order_fault(kind: str, times: int = 1, **parameters: Any) -> BrokerFails:
    return BrokerFails(kind, times=times, parameters=parameters)


TROUBLES: tuple[BrokerFails, ...] = (
    BrokerFails("accept_then_timeout", "POST", ORDERS, 2),
    BrokerFails("accept_then_504", "POST", ORDERS, 2),
    BrokerFails("accept_then_cut", "POST", ORDERS, 2),
    BrokerFails("accept_then_504", "DELETE", ORDERS),
    BrokerFails("refuse_connection", "POST", ORDERS, 2),
    BrokerFails("refuse_connection", "GET", _LOOKUP, 2),
    _status(500, "POST", ORDERS),
    _status(503, "POST", ORDERS, 2),
    _status(429, "POST", ORDERS, rate_headers=True),
    _status(429, "POST", ORDERS, rate_headers=False),
    _status(403, "POST", ORDERS, body={"code": 40310000, "message": "account is restricted"}),
    _status(500, "GET", _LOOKUP, 2),
    _status(401, "GET", _LOOKUP),
    _status(503, "GET", ORDERS, 2),
    _status(500, "GET", "/v2/account", 2),
    BrokerFails("slow", "POST", ORDERS, parameters={"delay": 0}),
    BrokerFails("stale_quote", "GET", _QUOTES, 2),
    BrokerFails("empty_quote", "GET", _QUOTES),
    BrokerFails("empty_quote", "GET", _QUOTES, parameters={"side": "both"}),
    BrokerFails("stale_order", times=2),
    BrokerFails("missing_in_lookup"),
    BrokerFails("duplicate_in_list", times=2),
    BrokerFails("missing_in_list", times=2),
    BrokerFails("fill_before_cancel"),
    BrokerFails("fill_before_cancel", parameters={"answer": 422}),
    _order_fault("pending_new_for", 2, seconds=90),
    _order_fault("hold_status", seconds=120, status="held"),
    _order_fault("hold_status", seconds=400, status="a_status_of_tomorrow"),
    _order_fault("partial_fill", 2, fraction="0.4", every=20),
    _order_fault("partial_fill", 2, fraction="0.3", executions=1),
    _order_fault("partial_fill", fraction="0.7", worse_by="0.01"),
    _order_fault("reject_late", 2, delay=0),
    _order_fault("reject_late", delay=60),
    _order_fault("cancel_at_broker", 2, delay=0),
    _order_fault("cancel_at_broker", delay=60),
    _order_fault("expire_at_broker", 2, delay=0),
    _order_fault("expire_at_broker", delay=60),
)
SWITCHES: tuple[BrokerIs, ...] = (
    BrokerIs("fill_delay_seconds", 90.0),
    BrokerIs("fill_delay_seconds", 0.0),
    BrokerIs("unfilled_day_order_expires", False),
    BrokerIs("duplicate_code", 42210000),
    BrokerIs("partial_fill_probability", 0.5),
    BrokerIs("coin_fee_rate", Decimal("0.0025")),
    BrokerIs("enforce_rate_limits", True),
    BrokerIs("account_blocked", True),
    BrokerIs("account_blocked", False),
)
