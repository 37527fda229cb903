"""What users may ask of the account API, checked before anything is read or written."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import flask
from pydantic import Field
from werkzeug.exceptions import PreconditionFailed, PreconditionRequired

from common import bounds
from common.errors import MalformedMessageError
from common.model import Model, parse_json
from functions.wiring import Wiring
from infra.auth.identity import Identity
from infra.postgres.pages import Cursor
from infra.postgres.user_transaction import UserTransaction
from infra.postgres.users.user_configs import UserConfig


@dataclass(frozen=True)
class Call:
    """A request of a user who is known."""

    app: Wiring
    request: flask.Request
    identity: Identity
    now: datetime

    @property
    def uid(self) -> str:
        """The user's id."""
        return self.identity.uid

    @contextmanager
    def transaction(self) -> Iterator[UserTransaction]:
        """Open a transaction in which nothing of another user's can be read."""
        with self.app.database.transaction() as tx:
            yield UserTransaction(tx, self.uid)

    @property
    def query(self) -> dict[str, str]:
        """The parameters after the question mark."""
        return self.request.args.to_dict()


class Empty(Model):
    """The query of a route that takes none."""


class ConfigQuery(Model):
    """Which template the document is said over; empty is none."""

    template_name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,64}$")] | None = None


class SnapshotsQuery(Model):
    """Which symbol's facts."""

    symbol: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,10}([./][A-Z]{1,4})?$")]


class _PageQuery(Model):
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(pattern=r"^[A-Za-z0-9_=-]{1,200}$")] | None = None

    @property
    def after(self) -> Cursor | None:
        """Where the page begins."""
        return Cursor.parse(self.cursor) if self.cursor else None


class OrdersQuery(_PageQuery):
    """Which orders, and how many at once."""

    status: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")] | None = None


class QuestionsQuery(_PageQuery):
    """Which questions, and how many at once."""

    status: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")] | None = None


def json_object(body: bytes | str) -> dict[str, Any]:
    """Read a JSON object; raises MalformedMessageError."""
    document = parse_json(body)
    if not isinstance(document, dict):
        raise MalformedMessageError("document: must be an object")
    return document


def config_document(body: bytes | str) -> dict[str, Any]:
    """Read the document of a config; raises MalformedMessageError."""
    document = json_object(body)
    if found := [*_unstorable(document, "document")]:
        raise MalformedMessageError(*found)
    return document


def check_precondition(request: flask.Request, stored: UserConfig | None) -> None:
    """Let a config be replaced only by who has seen it, and created only where there is none.

    Tags are compared weakly: a proxy that compresses a reply marks its tag as weak.
    """
    if stored is None:
        if request.if_match:
            raise PreconditionFailed("there is no config yet: If-Match cannot hold")
        return
    if request.if_none_match.star_tag:
        raise PreconditionFailed("there is a config already")
    if not request.if_match:
        raise PreconditionRequired("send If-Match with the ETag of the config that you have seen")
    if not (request.if_match.star_tag or request.if_match.contains_weak(stored.version)):
        raise PreconditionFailed("the config has changed since: read it again")


def _unstorable(document: object, path: str) -> Iterator[str]:
    """Name what is JSON but no database, or no machine, can hold; no depth can hurt."""
    left: list[tuple[object, str]] = [(document, path)]
    while left:
        value, at = left.pop()
        if isinstance(value, dict):
            for name, each in reversed(value.items()):
                left += [(each, f"{at}.{name}"), (name, f"{at}: a key")]
        elif isinstance(value, list):
            left += reversed([(each, f"{at}[{number}]") for number, each in enumerate(value)])
        elif isinstance(value, str) and not _is_text(value):
            yield f"{at}: must be text without NUL or lone surrogates"
        elif isinstance(value, Decimal) and not bounds.is_ordinary(value):
            yield f"{at}: must be a number of ordinary size"


def _is_text(value: str) -> bool:
    return "\x00" not in value and not any("\ud800" <= each <= "\udfff" for each in value)
