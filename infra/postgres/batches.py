"""Changes many rows a little at a time: no long lock, no long transaction."""

from collections.abc import Callable

from infra.postgres.database import Database, Transaction


def in_batches(
    database: Database, change: Callable[[Transaction, int], int], *, size: int, batches: int
) -> int:
    """Change rows, each batch in a transaction of its own; return how many.

    `change` takes the most rows that it may change, and returns how many it did; it is called until
    there are fewer. What is left after so many `batches` is the next call's.
    """
    changed = 0
    for _ in range(batches):
        with database.transaction() as tx:
            found = change(tx, size)
        changed += found
        if found < size:
            break
    return changed
