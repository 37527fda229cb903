"""Lists that are read page by page, newest first, whatever is added meanwhile."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from common import bounds
from common.errors import MalformedMessageError
from infra.postgres.database import Row, Transaction


@dataclass(frozen=True)
class Cursor:
    """The last row that was seen; to callers an opaque token."""

    at: datetime
    id: UUID

    @classmethod
    def parse(cls, token: str) -> Self:
        """Read a token; raises MalformedMessageError."""
        try:
            at, row_id = base64.urlsafe_b64decode(token.encode()).decode().split(" ")
            cursor = cls(datetime.fromisoformat(at), UUID(row_id))
        except ValueError as error:
            raise MalformedMessageError("cursor: not one of ours") from error
        if str(cursor) != token or not cursor.is_possible:
            raise MalformedMessageError("cursor: not one of ours")
        return cursor

    @property
    def is_possible(self) -> bool:
        """Whether some row of ours can have been at its instant."""
        years = range(bounds.FIRST_YEAR, bounds.LAST_YEAR + 1)
        return self.at.tzinfo is not None and self.at.year in years

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(f"{self.at.isoformat()} {self.id}".encode()).decode()


@dataclass(frozen=True)
class Page:
    """Some rows, and where the next page begins; None at the end."""

    rows: list[Row]
    next: Cursor | None


def page(
    tx: Transaction, listed: str, at: str, after: Cursor | None, limit: int, **parameters: object
) -> Page:
    """Read the rows of a SELECT that come after a cursor, by its columns `at` and `id`."""
    rows = tx.rows(
        f"""
        SELECT * FROM ({listed}) AS listed
        WHERE ({at}, id) < (coalesce(CAST(:after_at AS timestamptz), 'infinity'),
                            coalesce(CAST(:after_id AS uuid),
                                     'ffffffff-ffff-ffff-ffff-ffffffffffff'))
        ORDER BY {at} DESC, id DESC LIMIT :more
        """,
        after_at=after.at if after else None,
        after_id=after.id if after else None,
        more=limit + 1,
        **parameters,
    )
    shown = rows[:limit]
    last = Cursor(shown[-1][at], shown[-1]["id"]) if len(rows) > limit else None
    return Page(shown, last)
