"""`countersign push-snapshot`: a look leaves no trace, a push is the function's own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.cli import main
from infra.postgres.database import Database
from tests.conftest import rows
from tests.functions.pushes import DAY, Dashboard, change, results, running_dashboard, scan

pytestmark = pytest.mark.usefixtures("environment", "user")


@pytest.fixture
def sites(environment: pytest.MonkeyPatch) -> Iterator[Dashboard]:
    with running_dashboard(environment, d1=True) as sites:
        yield sites


def countersign(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, ["push-snapshot", *arguments])


def traces(db: Database) -> list[object]:
    return [
        rows(db, "SELECT * FROM utils_statistics.report_days"),
        rows(db, "SELECT * FROM utils_statistics.daily_trade_kpis_mv"),
        rows(db, "SELECT * FROM snapshot_pushes"),
    ]


def test_a_dry_run_shows_the_day_and_leaves_no_trace(db: Database, sites: Dashboard) -> None:
    scan()
    before = traces(db)

    done = countersign("--date", DAY, "--dry-run")

    assert done.exit_code == 0, done.output
    assert "Haiphen day trading snapshot" in done.output
    assert "9 signals scanned" in done.output
    assert "Liquidity Drag" in done.output
    assert "missing kpis Avg hold time, Win rate: no position was closed that day" in done.output
    assert "nothing was posted" in done.output
    assert sites.api.received == []
    assert traces(db) == before


def test_a_dry_run_needs_no_dashboard(environment: pytest.MonkeyPatch) -> None:
    change(environment, HAIPHEN_API_URL="", INTERNAL_TOKEN="", SIGNING_SECRET="")

    assert countersign("--date", DAY, "--dry-run").exit_code == 0


def test_the_body_is_written_as_it_would_be_sent(
    db: Database, sites: Dashboard, tmp_path: Path
) -> None:
    out = tmp_path / "day.json"

    done = countersign("--date", DAY, "--out", str(out))

    assert done.exit_code == 0, done.output
    assert "accepted (request id " in done.output
    assert len(out.read_bytes()) == sites.api.received[0].body_bytes
    assert json.loads(out.read_bytes())["updated_at"] == sites.updated_at()
    assert results(db) == ["accepted"]


def test_what_is_unchanged_is_sent_by_force_only(db: Database, sites: Dashboard) -> None:
    countersign("--date", DAY)

    unforced, forced = countersign("--date", DAY), countersign("--date", DAY, "--force")

    assert "unchanged" in unforced.output
    assert "accepted" in forced.output
    assert results(db) == ["accepted", "unchanged", "accepted"]
    assert sites.is_whole()


def test_a_push_elsewhere_is_not_disturbed(db: Database, sites: Dashboard) -> None:
    with db.exclusive("push_snapshot"):
        done = countersign("--date", DAY)

    assert done.stdout == "already running\n"
    assert done.exit_code == 1
    assert sites.api.received == []
    assert results(db) == ["already_running"]


@pytest.mark.usefixtures("sites")
@pytest.mark.parametrize("day", ["2999-01-01", "2026-13-45", "tomorrow"])
def test_a_wrong_date_is_a_usage_error(db: Database, day: str) -> None:
    done = countersign("--date", day)

    assert (done.exit_code, "--date" in done.output) == (2, True)
    assert results(db) == []
