"""Our positions against the broker's: a difference is for a person to look at."""

import logging
from datetime import datetime, timedelta

from common.drift import POSITION_DRIFT, drifts
from common.errors import TransientError
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import Database
from infra.postgres.trading import positions

log = logging.getLogger(__name__)

# Whatever changed this recently may be in one of the two sums already and not in the other.
_SETTLED_AFTER = timedelta(minutes=2)


def compare(database: Database, trading: AlpacaTrading, now: datetime) -> list[dict[str, str]]:
    """Report each symbol of which all users together and the account hold different units.

    The broker is read first: what is filled in between has changed recently on our side.
    """
    try:
        at_broker = trading.positions()
    except TransientError as error:
        log.warning("positions are not compared: %s", error)
        return []
    with database.transaction() as tx:
        ours, moving = positions.totals(tx), positions.moving(tx, now - _SETTLED_AFTER)
    found = drifts(ours, at_broker, moving)
    for drift in found:
        log.error(
            "%s: %s: we hold %s, the broker says %s",
            POSITION_DRIFT,
            drift.symbol,
            drift.ours,
            drift.brokers,
            extra={"event": "position_drift", "symbol": drift.symbol},
        )
    return [
        {
            "code": POSITION_DRIFT,
            "symbol": drift.symbol,
            "ours": str(drift.ours),
            "brokers": str(drift.brokers),
        }
        for drift in found
    ]
