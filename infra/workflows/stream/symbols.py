"""Which stocks the stream follows: those of all users, as far as the plan goes."""

from collections.abc import Collection, Sequence

from common.inputs import StockInput
from common.market import trading_day
from common.server_limits import ServerLimits, within_cap
from common.sessions import is_open_for
from infra.postgres.database import Database, Transaction
from infra.postgres.market import market_data, sessions
from infra.postgres.users import config_inputs, configs
from infra.postgres.users.set_aside_rows import SetAsideRow
from infra.runtime.clock import Clock
from infra.workflows import isolation
from infra.workflows.price_basis import basis_key

_MOST_NAMED = 100

WatchedInput = tuple[str, StockInput]  # a config's key, and an input of it


class StreamSymbols:
    """Reads which stocks are to be followed now; what is followed comes before what is new."""

    def __init__(self, database: Database, limits: ServerLimits, clock: Clock) -> None:
        self._database, self._limits, self._clock = database, limits, clock
        self._fitting = frozenset[str]()
        self._exceeding: list[WatchedInput] | None = None

    def current(self) -> frozenset[str]:
        """Return the stocks of the server's feed whose market is open.

        An input with which there would be more than the plan's symbols is set aside by the names
        of its users, and polled. A stock is followed once the day's corporate actions of it are
        known: `ingest` has restated what was stored before.
        """
        now = self._clock.now()
        with self._database.transaction() as tx:
            inputs = self._inputs(tx)
            day = sessions.day(tx, now)
            fetched = market_data.last_fetches(tx, now)
        self._fitting, exceeding = fit(inputs, self._fitting, self._limits.max_stream_symbols)
        self._name(exceeding)
        is_open = {s for _, each in inputs if is_open_for(each, day, now) for s in each.symbols}
        return frozenset(
            symbol
            for symbol in self._fitting & is_open
            if (at := fetched.get(basis_key(symbol))) and trading_day(at) == trading_day(now)
        )

    def _inputs(self, tx: Transaction) -> list[WatchedInput]:
        shared = configs.active(tx, self._limits).shared
        kept, _ = config_inputs.fitting(tx, shared, self._limits.max_server_symbols)
        return [
            (config.key, each)
            for config in kept
            for each in config.config.data_inputs
            if isinstance(each, StockInput) and each.feed == self._limits.stock_feed
        ]

    def _name(self, exceeding: list[WatchedInput]) -> None:
        """Record whose inputs are not streamed, when these are others than before."""
        if exceeding == self._exceeding:
            return
        keys = [key for key, _ in exceeding]
        reason = f"it is polled: MAX_STREAM_SYMBOLS allows {self._limits.max_stream_symbols} stocks"
        with self._database.transaction() as tx:
            users = configs.users_of(tx, keys, _MOST_NAMED)
            found = [
                SetAsideRow(f"{each.id} of {uid}", reason, firebase_uid=uid)
                for uid, key in users
                for config_key, each in exceeding
                if config_key == key
            ]
            isolation.set_aside(tx, "streamed input", found, self._clock.now())
        self._exceeding = exceeding


def fit(
    inputs: Sequence[WatchedInput], before: Collection[str], most: int
) -> tuple[frozenset[str], list[WatchedInput]]:
    """Return the symbols of as many inputs as fit into `most`, and the other inputs.

    Inputs whose symbols are all among those `before` come first.
    """
    known = frozenset(before)
    known_first = sorted(inputs, key=lambda given: not known.issuperset(given[1].symbols))
    kept, exceeding = within_cap(known_first, lambda given: frozenset(given[1].symbols), most)
    symbols = frozenset(symbol for _, each in kept for symbol in each.symbols)
    return symbols, [given for given, _ in exceeding]
