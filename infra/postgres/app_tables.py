"""The app's own tables, `users` and `questions`: what they must be like for us to write to them.

Rows are inserted through the views `trading_users` and `trading_questions`, which fill the columns
that only the app knows with the defaults that `countersign migrate --fill` was told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn
from uuid import uuid4

import pg8000.dbapi

from common.errors import PermanentError
from infra.postgres.database import Row, Transaction

VIEWS = {"users": "trading_users", "questions": "trading_questions"}

_NUMBERS = ("numeric", "smallint", "integer", "bigint", "real", "double precision")
_TEXTS = ("text", "character varying")


@dataclass(frozen=True)
class _Column:
    """Types that a column may have, and how many characters must fit where it is text."""

    types: tuple[str, ...]
    length: int = 0
    is_key: bool = False


NEEDED: Mapping[str, Mapping[str, _Column]] = {
    "users": {"firebase_uid": _Column(_TEXTS, 128, is_key=True)},
    "questions": {
        "id": _Column(("uuid",), is_key=True),
        "firebase_uid": _Column(_TEXTS, 128),
        "question_text": _Column(_TEXTS, 1000),
        "correct_answer": _Column((*_NUMBERS, *_TEXTS), 2),
        "source_tag": _Column(_TEXTS, 100),
        "pipeline_key": _Column(_TEXTS, 7),
        "pipeline_step": _Column(_TEXTS, 100),
        "metadata": _Column(("jsonb",)),
    },
}


class AppTablesError(PermanentError):
    """The app's tables cannot hold what Countersign must write; `problems` has a line for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class ColumnDefault:
    """A column of the app, and the SQL expression that each new row of ours has there."""

    table: str
    column: str
    expression: str

    @classmethod
    def parse(cls, text: str) -> "ColumnDefault":
        """Read `TABLE.COLUMN=EXPRESSION`; raises ValueError when it is anything else."""
        name, equals, expression = text.partition("=")
        table, dot, column = name.strip().partition(".")
        if not (equals and dot and column and expression.strip()) or table not in VIEWS:
            raise ValueError(f"{text!r} is not users.COLUMN=EXPRESSION or questions.COLUMN=...")
        if column in NEEDED[table]:
            raise ValueError(f"{table}.{column} is written by Countersign itself")
        return cls(table, column, expression.strip())


def problems(tx: Transaction, fills: Sequence[ColumnDefault] = ()) -> list[str]:
    """Say what is wrong with the app's tables, one line each; a missing table is no problem."""
    return [line for table in VIEWS for line in _of_table(tx, table, fills)]


def make_views(tx: Transaction, fills: Sequence[ColumnDefault]) -> None:
    """Make the views through which rows are inserted; without `fills`, keep those that are there.

    Raises AppTablesError when a value cannot stand in its column.
    """
    for table, view in VIEWS.items():
        own = [fill for fill in fills if fill.table == table]
        if not own and _exists(tx, view):
            continue
        columns = [*NEEDED[table], *(_quoted(tx, fill.column) for fill in own)]
        grantees = _grantees(tx, view)
        tx.run(f"DROP VIEW IF EXISTS {view}")
        tx.run(f"CREATE VIEW {view} AS SELECT {', '.join(columns)} FROM {table}")
        for fill in own:
            _set_default(tx, view, fill)
        for grantee in grantees:
            tx.run(f"GRANT SELECT, INSERT, UPDATE, DELETE, MAINTAIN ON {view} TO {grantee}")


def trial(tx: Transaction) -> str | None:
    """Insert two users and two questions of the same rule, move them on, undo it, and say why not.

    What the catalog does not tell is found so: checks, triggers, references and unique keys.
    """
    try:
        with tx.savepoint():
            _insert_and_undo(tx)
    except _UndoneError:
        return None
    except pg8000.dbapi.DatabaseError as error:
        return f"the app's tables refuse a row of Countersign: {_message(error)}"


def rehearsal(tx: Transaction) -> str | None:
    """Make the trial before the first migration, with views that are undone, too."""
    if not all(_exists(tx, table) for table in VIEWS):
        return None
    found: list[str] = []
    try:
        with tx.savepoint():
            _try_and_undo(tx, found)
    except _UndoneError:
        return next(iter(found), None)
    except pg8000.dbapi.DatabaseError as error:
        return f"the app's tables cannot be tried: {_message(error)}"


def _try_and_undo(tx: Transaction, found: list[str]) -> NoReturn:
    make_views(tx, ())
    if refusal := trial(tx):
        found.append(refusal)
    raise _UndoneError


class _UndoneError(Exception):
    """The end of a trial: what it did is undone."""


def _insert_and_undo(tx: Transaction) -> NoReturn:
    tx.run("SET CONSTRAINTS ALL IMMEDIATE")
    uids = [f"trial-{uuid4().hex}" for _ in range(2)]
    for uid in uids:
        tx.run("INSERT INTO trading_users (firebase_uid) VALUES (:uid)", uid=uid)
    for _ in range(2):
        tx.run(
            """
            INSERT INTO trading_questions (id, firebase_uid, question_text, correct_answer,
                                           source_tag, pipeline_key, pipeline_step, metadata)
            VALUES (gen_random_uuid(), :uid, 'Buy?', 10, 'trading:rule:trial', 'trading',
                    'trial:await_confirm', '{}')
            """,
            uid=uids[0],
        )
    for step in ("submit_order", "done"):
        tx.run(
            "UPDATE questions SET pipeline_step = :step WHERE firebase_uid = :uid",
            step=f"trial:{step}",
            uid=uids[0],
        )
    tx.run(
        "UPDATE questions SET firebase_uid = :other WHERE firebase_uid = :uid",
        uid=uids[0],
        other=uids[1],
    )
    tx.run("DELETE FROM questions WHERE firebase_uid = :uid", uid=uids[1])
    raise _UndoneError


def _of_table(tx: Transaction, table: str, fills: Sequence[ColumnDefault]) -> Iterator[str]:
    columns = {row["name"]: row for row in tx.rows(_COLUMNS, table=table)}
    filled = {fill.column for fill in fills if fill.table == table}
    if not columns:
        return
    for name, needed in NEEDED[table].items():
        yield from _of_column(f"{table}.{name}", needed, columns.get(name))
    for name, column in columns.items():
        if name not in NEEDED[table] and name not in filled and column["required"]:
            yield (
                f"{table}.{name} is required and nothing fills it: give it a default, or run"
                f" `countersign migrate --fill '{table}.{name}=EXPRESSION'`"
            )
    for name in sorted(filled - columns.keys()):
        yield f"{table}.{name} is to be filled, and there is no such column"


def _of_column(name: str, needed: _Column, found: Row | None) -> Iterator[str]:
    if found is None:
        yield f"{name} is missing: add it as {needed.types[0]}"
    elif found["type"] not in needed.types:
        yield f"{name} is {found['type']}, and must be {' or '.join(needed.types)}"
    elif found["length"] is not None and found["length"] < needed.length:
        yield f"{name} holds {found['length']} characters, and must hold {needed.length}"
    elif found["generated"]:
        yield f"{name} is generated, and must be a column that can be written"
    elif needed.is_key and not found["is_key"]:
        yield f"{name} has no unique key of its own: make it the primary key, or unique"


# Required columns that a view of ours fills already are not.
_COLUMNS = """
    SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type,
           CASE WHEN a.atttypid = CAST('varchar' AS regtype) AND a.atttypmod > 4
                THEN a.atttypmod - 4 END AS length,
           a.attgenerated <> '' OR a.attidentity = 'a' AS generated,
           a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
               AND NOT EXISTS (SELECT FROM pg_attribute v
                               WHERE v.attrelid = to_regclass('trading_' || :table)
                                 AND v.attname = a.attname AND v.atthasdef) AS required,
           EXISTS (SELECT FROM pg_index i
                   WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid
                     AND i.indimmediate AND i.indpred IS NULL AND i.indnkeyatts = 1
                     AND i.indkey[0] = a.attnum) AS is_key
    FROM pg_attribute a
    WHERE a.attrelid = to_regclass(:table) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""


def _set_default(tx: Transaction, view: str, fill: ColumnDefault) -> None:
    column = _quoted(tx, fill.column)
    try:
        tx.run(f"ALTER VIEW {view} ALTER COLUMN {column} SET DEFAULT ({fill.expression})")
    except pg8000.dbapi.DatabaseError as error:
        filled = f"{fill.table}.{fill.column} cannot be filled with {fill.expression}"
        raise AppTablesError([f"{filled}: {_message(error)}"]) from error


def _message(error: pg8000.dbapi.DatabaseError) -> str:
    return str(error.args[0].get("M")) if isinstance(error.args[0], dict) else str(error)


def _grantees(tx: Transaction, view: str) -> list[str]:
    return [
        row["name"]
        for row in tx.rows(
            """
            SELECT DISTINCT quote_ident(pg_get_userbyid(acl.grantee)) AS name
            FROM pg_class c, aclexplode(c.relacl) AS acl
            WHERE c.oid = to_regclass(:view) AND acl.grantee NOT IN (0, c.relowner)
            """,
            view=view,
        )
    ]


def _exists(tx: Transaction, name: str) -> bool:
    return bool(tx.rows("SELECT 1 WHERE to_regclass(:name) IS NOT NULL", name=name))


def _quoted(tx: Transaction, name: str) -> str:
    quoted: str = tx.rows("SELECT quote_ident(:name) AS name", name=name)[0]["name"]
    return quoted
