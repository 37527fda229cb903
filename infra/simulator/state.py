"""What one simulated broker consists of, and how its parts are wired."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from infra.simulator.execution.matching import Matching
from infra.simulator.execution.order_validation import OrderValidation
from infra.simulator.execution.valuation import Valuation
from infra.simulator.faults.faults import Faults
from infra.simulator.faults.switches import Switches
from infra.simulator.ledger.ledger import Ledger
from infra.simulator.market import calendar as calendars
from infra.simulator.market.assets import Assets
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.corporate_actions import CorporateActions
from infra.simulator.market.feed import Feed
from infra.simulator.market.market import Market
from infra.simulator.market.option_market import OptionMarket
from infra.simulator.market.recording import Recording
from infra.simulator.rate_limit import RateBudget


class BrokerState:
    """One account, its market and its ledger; the API and the control routes work on it."""

    def __init__(
        self,
        clock: SimulatedClock | None = None,
        *,
        database: Path | None = None,
        recording: Recording | None = None,
        always_open: bool = False,
        key_id: str = "sim-key",
        secret_key: str = "sim-secret",  # noqa: S107 (of the simulator only)
    ) -> None:
        self.lock = threading.RLock()
        self.key_id, self.secret_key = key_id, secret_key
        self.clock = clock or SimulatedClock()
        self.calendar = calendars.always_open() if always_open else calendars.nyse()
        self.switches = Switches()
        self.faults = Faults(self.clock.now, self.switches)
        self.rate = RateBudget(self.clock)
        self.market = Market(self.clock, self.calendar, recording, self.lock)
        self.feed = Feed(self.clock, self.market)
        self.options = OptionMarket(self.clock, self.lock)
        self.assets = Assets(self.market)
        self.corporate_actions = CorporateActions()
        self.ledger = Ledger(database, self.lock)
        self.valuation = Valuation(self.ledger, self.market, self.switches)
        self.order_validation = OrderValidation(
            self.ledger,
            self.market,
            self.assets,
            self.calendar,
            self.clock,
            self.switches,
            self.valuation,
            self.faults,
        )
        self.matching = Matching(
            self.ledger,
            self.market,
            self.calendar,
            self.clock,
            self.switches,
            self.faults,
            self.corporate_actions,
        )
        self.clock.on_change(self.work)
        self.market.on_change(before=self._settle, after=self.matching.work)
        self.work()

    def work(self) -> None:
        """Bring the open orders, and those who follow the market, up to the clock's time."""
        with self.lock:
            self.matching.work()
            self.feed.advance()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Give one request the simulator for itself; keep all of its changes or none."""
        with self.lock:
            self.matching.work()
            with self.ledger.transaction():
                yield

    def reset(self, at: datetime | None = None) -> None:
        """Begin again at `at`: an empty ledger, no faults, and recorded prices only."""
        with self.lock:
            self.faults.clear()
            self.market.forget_script()
            self.options.forget()
            self.assets.forget()
            self.corporate_actions.forget()
            self.ledger.clear()
            if at is not None:
                self.clock.reset(at)
            self.work()

    def _settle(self) -> None:
        """Do what is due before a price changes."""
        self.matching.settle()
        self.feed.advance()

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()
