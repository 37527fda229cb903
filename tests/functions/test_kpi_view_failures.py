"""Views that are not as a push needs them: one line that names the view, a row, and the event."""

import logging
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from common.snapshot import payload
from infra.cli import main
from infra.postgres.dashboard.kpi_views import Views, shortcomings
from infra.postgres.database import Database
from tests.conftest import rows
from tests.functions.pushes import Dashboard, change, push, running_dashboard

pytestmark = pytest.mark.usefixtures("environment")

MY = "utils_statistics.my_portfolio"
SELECT = "SELECT 1 AS trade_id, 'A'::text AS symbol, 'A'::text AS contract_name"
DAY = f"{SELECT}, date '2026-02-10' AS report_date"
KEY = f"CREATE UNIQUE INDEX ON {MY} (report_date, trade_id)"
NULLED = DAY.replace("'A'::text AS symbol", "NULL::text AS symbol")
LACKING = "SELECT 1 AS trade_id, date '2026-02-10' AS report_date"
WRONG = DAY.replace("1 AS trade_id", "'one'::text AS trade_id")

BROKEN = [
    ([], f"{MY}: there is no such view"),
    ([f"CREATE TABLE {MY} AS {DAY}"], f"{MY}: is a table, no materialized view"),
    ([f"CREATE VIEW {MY} AS {DAY}"], f"{MY}: is a view that is not materialized, no materialized"),
    ([f"CREATE MATERIALIZED VIEW {MY} AS {DAY}"], f"{MY}: has no unique index over plain columns"),
    (
        [f"CREATE MATERIALIZED VIEW {MY} AS {DAY}", f"{KEY} WHERE trade_id > 0"],
        f"{MY}: has no unique index over plain columns",
    ),
    (
        [f"CREATE MATERIALIZED VIEW {MY} AS {DAY} WITH NO DATA", KEY],
        f"{MY}: was never populated",
    ),
    (
        [f"CREATE MATERIALIZED VIEW {MY} AS {LACKING}", KEY],
        f"{MY}: lacks symbol, contract_name",
    ),
    (
        [f"CREATE MATERIALIZED VIEW {MY} AS {NULLED}", KEY],
        f"{MY}: symbol is NULL in 1 of the rows of 2026-02-10",
    ),
    ([f"CREATE MATERIALIZED VIEW {MY} AS {WRONG}", KEY], f"{MY}: trade_id: Input should be"),
]


@pytest.fixture
def sites(environment: pytest.MonkeyPatch) -> Iterator[Dashboard]:
    with running_dashboard(environment, d1=False) as sites:
        yield sites


@pytest.mark.parametrize(("made", "line"), BROKEN, ids=[line for _, line in BROKEN])
def test_a_view_that_does_not_serve_is_named_in_one_line(
    environment: pytest.MonkeyPatch,
    db: Database,
    sites: Dashboard,
    caplog: pytest.LogCaptureFixture,
    made: list[str],
    line: str,
) -> None:
    with db.transaction() as tx:
        for statement in made:
            tx.run(statement)
    change(environment, MV_PORTFOLIO_TABLE=MY)

    reply = push()

    message = reply.get_json()["error"]["message"]
    assert reply.status_code == 400
    assert message.startswith(line)
    assert "\n" not in message
    (row,) = rows(db, "SELECT result, error, body_sha256 FROM snapshot_pushes")
    assert row == {"result": "failed", "error": message, "body_sha256": None}
    assert [vars(each)["error"] for each in failures(caplog)] == [message]
    assert not any(record.exc_info for record in caplog.records)
    assert sites.api.received == []


def test_a_view_whose_query_breaks_is_named(
    environment: pytest.MonkeyPatch, db: Database, sites: Dashboard
) -> None:
    with db.transaction() as tx:
        tx.run("CREATE TABLE utils_statistics.divisors AS SELECT 1 AS n")
        broken = DAY.replace(
            "1 AS trade_id", "1 / (SELECT n FROM utils_statistics.divisors) AS trade_id"
        )
        tx.run(f"CREATE MATERIALIZED VIEW {MY} AS {broken}")
        tx.run(KEY)
        tx.run("UPDATE utils_statistics.divisors SET n = 0")
    change(environment, MV_PORTFOLIO_TABLE=MY)

    assert push().get_json()["error"]["message"] == f"{MY}: division by zero"
    assert sites.api.received == []


def test_the_command_says_it_in_one_line_too(
    environment: pytest.MonkeyPatch, sites: Dashboard
) -> None:
    change(environment, MV_KPI_TABLE="nowhere.kpis")

    done = CliRunner().invoke(main, ["push-snapshot", "--date", "2026-02-10"])

    assert str(done.exception) == "nowhere.kpis: there is no such view"
    assert sites.api.received == []


def test_the_views_of_the_migrations_serve(db: Database) -> None:
    with db.transaction() as tx:
        assert shortcomings(tx, Views()) == []


def test_a_snapshot_that_is_too_large_is_a_row_and_a_failure(
    environment: pytest.MonkeyPatch,
    db: Database,
    sites: Dashboard,
    caplog: pytest.LogCaptureFixture,
) -> None:
    environment.setattr(payload, "MAX_BODY_BYTES", 1000)

    reply = push()

    (row,) = rows(db, "SELECT result, error, body_bytes FROM snapshot_pushes")
    assert reply.status_code == 400
    assert row["result"] == "refused"
    assert row["body_bytes"] > 1000
    assert "1,000 are too many" in row["error"]
    assert [vars(each)["result"] for each in failures(caplog)] == ["refused"]
    assert sites.api.received == []


def failures(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [each for each in caplog.records if vars(each).get("event") == "snapshot_failed"]


def test_an_empty_past_day_is_pushed_with_a_warning(
    sites: Dashboard, caplog: pytest.LogCaptureFixture
) -> None:
    past, today = push(date="2026-02-09").get_json(), push().get_json()

    assert past["warning"] == "nothing is recorded of 2026-02-09: its snapshot is empty"
    assert "warning" not in today
    assert [vars(each).get("event") for each in caplog.records].count("snapshot_empty") == 1
    assert [each.date for each in sites.api.received] == ["2026-02-09", "2026-02-10"]


def test_the_command_warns_of_an_empty_past_day_where_nobody_can_be_asked(
    sites: Dashboard,
) -> None:
    done = CliRunner().invoke(main, ["push-snapshot", "--date", "2026-02-09"])

    assert done.exit_code == 0
    assert done.stderr.startswith("warning: nothing is recorded of 2026-02-09")
    assert len(sites.api.received) == 1


@pytest.mark.parametrize(("answer", "posts"), [("n\n", 0), ("y\n", 1)])
def test_the_command_asks_a_person_before_it_pushes_an_empty_past_day(
    environment: pytest.MonkeyPatch, sites: Dashboard, answer: str, posts: int
) -> None:
    environment.setattr("infra.cli.kpis.push_snapshot._at_a_terminal", lambda: True)

    done = CliRunner().invoke(main, ["push-snapshot", "--date", "2026-02-09"], input=answer)

    assert done.exit_code == 1 - posts
    assert len(sites.api.received) == posts
