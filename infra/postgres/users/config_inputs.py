"""What each config of enabled users watches, and how many symbols that is together."""

from collections.abc import Sequence

from common.inputs import DataInput
from common.server_limits import within_cap
from infra.postgres.database import Transaction, to_json
from infra.postgres.users.configs import SharedConfig

_GIVEN = """
    WITH given AS (
        SELECT config_key, input_id, input_key, symbols, poll_interval_seconds
        FROM jsonb_to_recordset(CAST(:inputs AS jsonb)) AS i (
            config_key text, input_id text, input_key text, symbols text[],
            poll_interval_seconds integer)
    )
"""
_STORE = """
    INSERT INTO config_inputs AS known
        (config_key, input_id, input_key, symbols, poll_interval_seconds)
    SELECT config_key, input_id, input_key, symbols, poll_interval_seconds
    FROM given ORDER BY config_key, input_id
    ON CONFLICT (config_key, input_id) DO UPDATE
    SET input_key = excluded.input_key, symbols = excluded.symbols,
        poll_interval_seconds = excluded.poll_interval_seconds
    WHERE known.input_key <> excluded.input_key
"""
_REPLACE = (
    _GIVEN
    + """, gone AS (
        DELETE FROM config_inputs k
        WHERE NOT EXISTS (SELECT FROM given g
                          WHERE g.config_key = k.config_key AND g.input_id = k.input_id)
    )"""
    + _STORE
)


def watched(tx: Transaction, configs: Sequence[SharedConfig], most_symbols: int) -> list[DataInput]:
    """Remember what these configs watch, and nothing else; return the distinct inputs."""
    kept, _ = fitting(tx, configs, most_symbols)
    tx.run(_REPLACE, inputs=_rows(kept))
    inputs = {each.key: each for shared in kept for each in shared.config.data_inputs}
    return list(inputs.values())


def fitting(
    tx: Transaction, configs: Sequence[SharedConfig], most_symbols: int
) -> tuple[list[SharedConfig], list[tuple[SharedConfig, str]]]:
    """Return the configs that are watched, and the others, each with the reason.

    A config with which there would be more than `most_symbols` of all users together is left out;
    those that are watched already come before it.
    """
    known = {row["config_key"] for row in tx.rows("SELECT DISTINCT config_key FROM config_inputs")}
    known_first = sorted(configs, key=lambda config: config.key not in known)
    kept, exceeding = within_cap(
        known_first, lambda shared: shared.config.all_symbols, most_symbols
    )
    return kept, [(each, too_many(together, most_symbols)) for each, together in exceeding]


def too_many(together: int, most_symbols: int) -> str:
    """Say that all users together would watch too many symbols."""
    return f"all users together would watch {together} symbols, the server allows {most_symbols}"


def add(tx: Transaction, config: SharedConfig) -> None:
    """Remember what a config watches that was saved just now."""
    tx.run(_GIVEN + _STORE, inputs=_rows([config]))


def symbols_with(tx: Transaction, firebase_uid: str, symbols: Sequence[str]) -> int:
    """Count the distinct symbols of all users when this user watches `symbols`."""
    others: int = tx.rows(
        """
        SELECT CAST(:uid AS text) AS firebase_uid, count(DISTINCT symbol) AS others
        FROM config_inputs i CROSS JOIN LATERAL unnest(i.symbols) AS symbol
        WHERE symbol <> ALL(CAST(:symbols AS text[]))
          AND EXISTS (SELECT FROM user_trading_config c
                      WHERE c.enabled AND c.config_key = i.config_key AND c.firebase_uid <> :uid)
        """,
        symbols=list(symbols),
        uid=firebase_uid,
    )[0]["others"]
    return others + len(set(symbols))


def _rows(configs: Sequence[SharedConfig]) -> str:
    return to_json(
        [
            {
                "config_key": shared.key,
                "input_id": each.id,
                "input_key": each.key,
                "symbols": each.all_symbols,
                "poll_interval_seconds": each.poll_interval_seconds,
            }
            for shared in configs
            for each in shared.config.data_inputs
        ]
    )
