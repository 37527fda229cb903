"""Frozen dataclasses as rows of SQLite tables: money as text, instants as integers."""

import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any, Generic, TypeVar, get_type_hints

Record = TypeVar("Record")


class Table(Generic[Record]):
    """A table with one column for each field of the record type; the first field is the key."""

    def __init__(self, connection: sqlite3.Connection, name: str, kind: type[Record]) -> None:
        self._connection, self._name, self._kind = connection, name, kind
        self._columns = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        hints = get_type_hints(kind)
        self._types = [hints[column] for column in self._columns]
        columns = ", ".join(f'"{column}"' for column in self._columns)
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {name} "
            f"(seq INTEGER PRIMARY KEY AUTOINCREMENT, {columns}, UNIQUE ({self._columns[0]}))"
        )

    def put(self, record: Record) -> None:
        """Insert the record, or update the one with its key in place."""
        values = [_encoded(getattr(record, column)) for column in self._columns]
        marks = ", ".join("?" * len(values))
        updates = ", ".join(f'"{column}" = excluded."{column}"' for column in self._columns[1:])
        self._connection.execute(
            f"INSERT INTO {self._name} ({', '.join(self._columns)}) VALUES ({marks}) "
            f"ON CONFLICT ({self._columns[0]}) DO UPDATE SET {updates}",
            values,
        )

    def find(self, where: str = "1", values: Sequence[object] = ()) -> list[Record]:
        """Return the matching records, oldest first."""
        rows = self._connection.execute(
            f"SELECT {', '.join(self._columns)} FROM {self._name} WHERE {where} ORDER BY seq",
            values,
        )
        return [self._decoded(row) for row in rows]

    def one(self, where: str, value: object) -> Record | None:
        """Return the newest matching record."""
        found = self.find(where, [value])
        return found[-1] if found else None

    def delete(self, where: str = "1", values: Sequence[object] = ()) -> None:
        """Delete the matching records."""
        self._connection.execute(f"DELETE FROM {self._name} WHERE {where}", values)

    def _decoded(self, row: Sequence[Any]) -> Record:
        return self._kind(*(_read(t, v) for t, v in zip(self._types, row, strict=True)))


def _encoded(value: object) -> object:
    # format() and not str(): an exponent (1E-7) would be exact too, but is no text for people.
    return format(value, "f") if isinstance(value, Decimal) else value


def _read(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if kind in (Decimal, Decimal | None):
        return Decimal(value)
    return kind(value) if isinstance(kind, type) else value
