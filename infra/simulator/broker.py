"""The simulated broker: the project's only test double, behind the broker's own protocol."""

from pathlib import Path
from types import TracebackType
from typing import Self

import flask

from infra.simulator.api.app import create_app
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.recording import Recording
from infra.simulator.state import BrokerState


class SimulatedBroker(BrokerState):
    """One account at one simulated broker; `app` is the WSGI application to serve.

    Reading from Python (`ledger.orders()`) looks only; requests, and setting the clock or a price,
    let the market work the open orders first. The ledger outlives the process when `database` is a
    file; prices and the clock do not.
    """

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
        super().__init__(
            clock,
            database=database,
            recording=recording,
            always_open=always_open,
            key_id=key_id,
            secret_key=secret_key,
        )
        self.app: flask.Flask = create_app(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
