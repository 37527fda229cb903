"""A transaction for one user: no row of another's can be read in it, whatever went wrong before."""

from collections.abc import Iterator
from contextlib import contextmanager

from infra.postgres.database import Row, Transaction


class ForeignRowError(Exception):
    """A row of another user's came back: nothing that this process holds can be trusted."""


class UserTransaction(Transaction):
    """Checks each row that a statement about a user (`:uid`) returns, and takes its owner off.

    Every such statement returns whose row it is as `firebase_uid`; so does one about several users
    (`:uids`), whose rows keep their owner.
    """

    def __init__(self, tx: Transaction, firebase_uid: str) -> None:
        """Narrow an open transaction down to one user."""
        self._tx = tx
        self._firebase_uid = firebase_uid

    def rows(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows; raises ForeignRowError if one is another's."""
        found = self._tx.rows(sql, **parameters)
        if "uids" in parameters:
            for row in found:
                self._own(row)
        return [self._own(row) for row in found] if "uid" in parameters else found

    def run(self, sql: str, **parameters: object) -> int:
        """Execute a statement and return how many rows it touched."""
        return self._tx.run(sql, **parameters)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo the block alone when it raises."""
        with self._tx.savepoint():
            yield

    def _own(self, row: Row) -> Row:
        if row.get("firebase_uid") != self._firebase_uid:
            raise ForeignRowError("a row of another user's was read")
        return {name: value for name, value in row.items() if name != "firebase_uid"}
