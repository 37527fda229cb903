"""The simulated time: standing where it was put, or running at a chosen speed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from common.bounds import FIRST_YEAR, LAST_YEAR
from infra.simulator.market.timestamps import from_datetime

# The broker's stamps have nanoseconds that a datetime cannot hold: clients must survive them.
_BELOW_A_MICROSECOND = 765


class SimulatedClock:
    """Stands at an instant, or runs from one at `speed` seconds per second of the machine's clock.

    Built with `at` it stands there; built without it runs along with the machine's clock. The code
    under test can be given the same one.
    """

    def __init__(
        self, at: datetime | None = None, *, wall: Callable[[], datetime] | None = None
    ) -> None:
        self._wall = wall or _machine_time
        origin = self._wall()
        # One value, so that a thread reading the time never sees half of a change.
        self._state = (origin, origin, 1.0) if at is None else (origin, _aware(at), 0.0)
        self._listeners: list[Callable[[], None]] = []

    @property
    def speed(self) -> float:
        """Simulated seconds per second; 0 while the clock stands."""
        return self._state[2]

    def now(self) -> datetime:
        """Return the simulated instant."""
        origin, start, speed = self._state
        return start + (self._wall() - origin) * speed if speed else start

    def now_ns(self) -> int:
        """Return the simulated instant as the broker would stamp it."""
        return from_datetime(self.now()) + _BELOW_A_MICROSECOND

    def set(self, at: datetime) -> None:
        """Stand at a later instant; what happens on the way, happens in its order."""
        if _aware(at) < self.now():
            raise ValueError(f"the clock only moves forward: {at} is before {self.now()}")
        self._restart(at, 0.0)

    def advance(self, by: timedelta) -> None:
        """Move forward by a span and stand there."""
        self.set(self.now() + by)

    def skip(self, by: timedelta) -> None:
        """Move forward by a span, and go on as before: running at its speed, or standing."""
        speed = self.speed
        self.advance(by)
        if speed:
            self.run(speed)

    def run(self, speed: float = 1.0) -> None:
        """Run from here on."""
        if speed <= 0:
            raise ValueError("the speed must be above 0; stop() makes the clock stand")
        self._restart(self.now(), speed)

    def stop(self) -> None:
        """Stand where it is."""
        self._restart(self.now(), 0.0)

    def reset(self, at: datetime) -> None:
        """Stand at any instant, also an earlier one."""
        self._restart(at, 0.0)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener after every change of the clock's setting."""
        self._listeners.append(listener)

    def _restart(self, at: datetime, speed: float) -> None:
        if not FIRST_YEAR <= at.year <= LAST_YEAR:
            raise ValueError(f"the clock goes from {FIRST_YEAR} to {LAST_YEAR}")
        self._state = (self._wall(), _aware(at), speed)
        for listener in self._listeners:
            listener()


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"the clock needs an aware datetime, got {moment}")
    return moment.astimezone(UTC)


def _machine_time() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 (the simulator imports nothing of the runtime)
