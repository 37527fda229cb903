"""The app's own `users` and `questions`: each variant works to an asked question, or is refused."""

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from infra.cli import main
from infra.local.postgres import create_database
from infra.postgres.app_tables import ColumnDefault
from infra.postgres.database import Database, connector
from tests.conftest import USER, enroll, rows
from tests.functions.steps import approved, asked

CATEGORIES = "CREATE TABLE categories (id int PRIMARY KEY); INSERT INTO categories VALUES (7);"
USERS = "CREATE TABLE users (firebase_uid text PRIMARY KEY)"
QUESTIONS = """
    CREATE TABLE questions (
        id uuid PRIMARY KEY, firebase_uid text NOT NULL REFERENCES users (firebase_uid)
        ON DELETE CASCADE, question_text text NOT NULL, correct_answer numeric,
        source_tag text, pipeline_key text, pipeline_step text, metadata jsonb{more}
    )
"""
PLAIN = QUESTIONS.format(more="")

TRIGGER = """;
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'not from here'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON questions FOR EACH ROW EXECUTE FUNCTION refuse()
"""


def questions(more: str) -> str:
    """Return the app's table with more columns or constraints."""
    return QUESTIONS.format(more=f", {more}")


WORKING = {
    "the columns of the plan": (USERS, PLAIN, ()),
    "more columns with defaults": (
        """CREATE TABLE users (id serial PRIMARY KEY, email text,
               firebase_uid varchar(128) UNIQUE NOT NULL,
               created_at timestamptz NOT NULL DEFAULT now())""",
        questions("difficulty int NOT NULL DEFAULT 1, created_at timestamptz DEFAULT now()"),
        (),
    ),
    "required columns that are filled": (
        USERS,
        questions(
            "difficulty int NOT NULL, category text NOT NULL CHECK (category <> ''),"
            ' created_at timestamptz NOT NULL, "Kind" text NOT NULL'
        ),
        (
            "questions.difficulty=3",
            "questions.category='trading'::text",
            "questions.created_at=now()",
            "questions.Kind='swipe'",
        ),
    ),
    "users who must have an address": (
        "CREATE TABLE users (firebase_uid text PRIMARY KEY, email text NOT NULL UNIQUE)",
        PLAIN,
        ("users.email=gen_random_uuid() || '@users.invalid'",),
    ),
    "answers as text": (USERS, PLAIN.replace("correct_answer numeric", "correct_answer text"), ()),
    "answers as small integers": (
        USERS,
        PLAIN.replace("correct_answer numeric", "correct_answer smallint NOT NULL"),
        (),
    ),
    "a category of another table": (
        CATEGORIES + USERS,
        questions("category_id int NOT NULL REFERENCES categories (id)"),
        ("questions.category_id=7",),
    ),
    "users only": (USERS, "", ()),
}

REFUSED = {
    "no metadata": (USERS, PLAIN.replace(", metadata jsonb", ""), "questions.metadata is missing"),
    "text ids": (USERS, PLAIN.replace("id uuid", "id text"), "questions.id is text"),
    "numbered ids": (USERS, PLAIN.replace("id uuid", "id bigserial"), "questions.id is bigint"),
    "no unique key of users": (
        "CREATE TABLE users (id serial PRIMARY KEY, firebase_uid text)",
        PLAIN.replace("REFERENCES users (firebase_uid)\n        ON DELETE CASCADE", ""),
        "users.firebase_uid has no unique key",
    ),
    "a key of two columns": (
        """CREATE TABLE users (firebase_uid text, tenant text DEFAULT '',
               UNIQUE (firebase_uid, tenant))""",
        PLAIN.replace("REFERENCES users (firebase_uid)\n        ON DELETE CASCADE", ""),
        "users.firebase_uid has no unique key",
    ),
    "no unique key of questions": (
        USERS,
        PLAIN.replace("id uuid PRIMARY KEY", "id uuid"),
        "questions.id has no unique key",
    ),
    "a required column": (
        USERS,
        questions("difficulty int NOT NULL"),
        "questions.difficulty is required and nothing fills it",
    ),
    "a required address": (
        "CREATE TABLE users (firebase_uid text PRIMARY KEY, email text NOT NULL)",
        PLAIN,
        "users.email is required and nothing fills it",
    ),
    "a short text": (
        USERS,
        PLAIN.replace("question_text text", "question_text varchar(100)"),
        "questions.question_text holds 100 characters",
    ),
    "metadata as json": (
        USERS,
        PLAIN.replace("metadata jsonb", "metadata json"),
        "questions.metadata is json",
    ),
    "steps from a closed list": (
        USERS,
        questions("CHECK (pipeline_step IN ('propose', 'confirm', 'idle'))"),
        "check constraint",
    ),
    "only the first step": (
        USERS,
        questions("CHECK (pipeline_step LIKE '%:await_confirm')"),
        "check constraint",
    ),
    "one question per user": (USERS, questions("UNIQUE (firebase_uid)"), "unique constraint"),
    "answers of one digit": (
        USERS,
        PLAIN.replace("correct_answer numeric", "correct_answer numeric(2,1)"),
        "numeric field overflow",
    ),
    "a trigger that refuses": (
        USERS,
        PLAIN + TRIGGER,
        "not from here",
    ),
}


@pytest.fixture
def app_url(postgres: str, request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> str:
    """URL of a database of the app's own, which the environment names, without a table."""
    name = f"app_{abs(hash(request.node.nodeid))}"
    create_database(postgres, name)
    url = postgres.replace("/countersign?", f"/{name}?")
    environment.setenv("DATABASE_URL", url)
    return url


@pytest.fixture
def app(app_url: str) -> Iterator[Database]:
    database = Database(connector(app_url))
    yield database
    database.close()


def create(app: Database, *statements: str) -> None:
    with app.transaction() as tx:
        for statement in filter(None, statements):
            tx.run(statement)


def migrated(*fills: str) -> Result:
    options = [option for fill in fills for option in ("--fill", fill)]
    return CliRunner().invoke(main, ["migrate", *options])


def diagnosis() -> list[dict[str, str]]:
    output = CliRunner().invoke(main, ["doctor", "--json"]).output
    return [each for each in json.loads(output)["findings"] if each["check"] == "app tables"]


def relations(app: Database) -> set[str]:
    return {row["relname"] for row in rows(app, "SELECT relname FROM pg_class WHERE relkind = 'r'")}


@pytest.mark.parametrize("name", WORKING)
def test_tables_that_hold_what_is_written_work_to_an_order(app: Database, name: str) -> None:
    users, own_questions, fills = WORKING[name]
    create(app, users, own_questions)

    result = migrated(*fills)

    assert result.exit_code == 0, result.output
    assert {each["status"] for each in diagnosis()} == {"ok"}
    enroll(app, USER)
    assert asked(app, USER)
    assert len(rows(app, "SELECT id FROM questions")) == 1, "nothing of the trial is left"
    assert len(rows(app, "SELECT firebase_uid FROM users")) == 1


@pytest.mark.parametrize("name", REFUSED)
def test_tables_that_do_not_are_refused_before_anything_is_changed(
    app: Database, name: str
) -> None:
    users, own_questions, problem = REFUSED[name]
    create(app, users, own_questions)
    before = relations(app)

    result = migrated()

    assert result.exit_code == 1
    assert "nothing was changed" in result.output
    (line,) = [each for each in result.output.splitlines() if each.startswith("- ")]
    assert problem in line
    assert relations(app) == before


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("ALTER TABLE questions ADD difficulty int NOT NULL", "questions.difficulty is required"),
        ("ALTER TABLE questions ALTER correct_answer TYPE numeric(2,1)", "numeric field overflow"),
    ],
)
def test_doctor_finds_what_the_app_changed_since(app: Database, change: str, problem: str) -> None:
    create(app, USERS, PLAIN)
    assert migrated().exit_code == 0
    create(app, "DROP VIEW trading_questions" if "ALTER correct" in change else "", change)
    if "ALTER correct" in change:
        create(
            app,
            "CREATE VIEW trading_questions AS SELECT id, firebase_uid, question_text,"
            " correct_answer, source_tag, pipeline_key, pipeline_step, metadata FROM questions",
        )

    (finding,) = diagnosis()

    assert finding["status"] == "fail"
    assert problem in finding["message"]


@pytest.mark.parametrize("name", REFUSED)
def test_doctor_refuses_them_too_before_the_first_migration(app: Database, name: str) -> None:
    users, own_questions, problem = REFUSED[name]
    create(app, users, own_questions)
    before = relations(app)

    (finding,) = diagnosis()

    assert finding["status"] == "fail"
    assert problem in finding["message"]
    assert relations(app) == before
    assert rows(app, "SELECT 1 FROM pg_views WHERE viewname LIKE 'trading%'") == []


def test_doctor_names_problems_before_the_first_migration(app: Database) -> None:
    create(app, USERS, questions("difficulty int NOT NULL"))

    (finding,) = diagnosis()

    assert finding["status"] == "fail"
    assert "questions.difficulty" in finding["message"]


def test_what_was_filled_stays_so_at_the_next_migration(app: Database) -> None:
    create(app, USERS, questions("difficulty int NOT NULL"))
    assert migrated("questions.difficulty=3").exit_code == 0

    assert migrated().exit_code == 0

    enroll(app, USER)
    asked(app, USER)
    assert rows(app, "SELECT difficulty FROM questions") == [{"difficulty": 3}]


def test_every_problem_is_named_at_once(app: Database) -> None:
    create(app, USERS, questions("difficulty int NOT NULL").replace("id uuid", "id text"))

    output = migrated().output

    assert "questions.id is text" in output
    assert "questions.difficulty is required" in output


@pytest.mark.parametrize(
    "fill", ["difficulty=3", "orders.x=1", "questions.difficulty", "questions.id=gen_random_uuid()"]
)
def test_a_fill_that_means_nothing_is_refused(app: Database, fill: str) -> None:
    assert migrated(fill).exit_code == 2
    assert not relations(app) & {"schema_migrations"}


@pytest.mark.parametrize("fill", ["questions.nothing=3", "questions.difficulty='hard'"])
def test_a_fill_that_cannot_be_is_refused_by_name(app: Database, fill: str) -> None:
    create(app, USERS, questions("difficulty int NOT NULL DEFAULT 1"))

    result = migrated(fill)

    assert result.exit_code == 1
    assert fill.partition("=")[0] in result.output


def test_a_deleted_user_leaves_records_in_tables_with_more_columns(app: Database) -> None:
    users, own_questions, fills = WORKING["users who must have an address"]
    create(app, users, own_questions)
    migrated(*fills)
    enroll(app, USER)
    approved(app)
    create(app, "UPDATE trade_orders SET status = 'denied', denial_code = 'MARKET_CLOSED'")

    result = CliRunner().invoke(main, ["user", "delete", USER, "--yes"])

    assert result.exit_code == 0, result.output
    create(app, f"DELETE FROM users WHERE firebase_uid = '{USER}'")  # noqa: S608
    assert len(rows(app, "SELECT id FROM trade_orders")) == 1


def test_the_statements_of_a_seed_run_as_they_stand(app: Database) -> None:
    create(app, USERS, PLAIN)
    migrated()

    create(
        app,
        "INSERT INTO users (firebase_uid) VALUES ('u1')",
        "INSERT INTO market_data_snapshots (symbol, metric, price, as_of)"
        " VALUES ('SPY', 'prev_close', 500, now()), ('SPY', 'last_trade', 492, now())",
        "INSERT INTO trading_config_templates (name, config) VALUES ('mine', '{}')",
        "INSERT INTO user_trading_config (firebase_uid, template_name) VALUES ('u1', 'mine')",
        "INSERT INTO user_trading_state (firebase_uid) VALUES ('u1')",
        "INSERT INTO trade_orders (id, firebase_uid, client_order_id, alpaca_order_id, symbol,"
        " side, order_type, notional_usd, qty, status, question_id, rule_id, submitted_at,"
        " filled_at, raw) VALUES (gen_random_uuid(), 'u1', 'u1-dip_confirm-1', NULL, 'SPY', 'buy',"
        " 'market', 10, NULL, 'approved', NULL, 'dip_confirm', NULL, NULL, '{}')",
    )

    (first, _) = rows(app, "SELECT * FROM market_data_snapshots ORDER BY id")
    assert (first["asset_class"], first["feed"]) == ("us_equity", "iex")
    assert first["created_at"] is not None


def test_a_columns_name_may_have_a_dot() -> None:
    assert ColumnDefault.parse("users.home.address = 'x'").column == "home.address"
