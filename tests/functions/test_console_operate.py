"""The console's page to operate: what checks find, and when each function last left something."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from common.guardrails.facts import DenialCode, Denied
from functions import wiring
from infra.postgres.database import Database
from infra.postgres.trading import controls
from infra.runtime.schedules import load_schedules
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, function
from tests.functions.steps import tick

pytestmark = pytest.mark.usefixtures("environment", "user")

CHECKS = ("kpi views", "configs", "rows", "kill switch", "positions")


def listed(element: str) -> dict[str, str]:
    """What a list of the page says of each of its lines, by their names."""
    html = function("console").get("/operate").text
    (part,) = re.findall(rf'<ul class="list" id="{element}">(.*?)</ul>', html, re.DOTALL)
    lines = re.findall(r"<li>(.*?)</li>", part, re.DOTALL)
    names = [re.findall(r"<strong>(.*?)</strong>", line)[0] for line in lines]
    return {n: re.sub(r"<[^>]*>", "", line) for n, line in zip(names, lines, strict=True)}


def test_every_check_of_a_database_that_is_well_is_ok() -> None:
    findings = listed("findings")

    assert tuple(findings) == CHECKS
    assert all(line.startswith("ok ") for line in findings.values()), findings


def test_a_finding_says_what_to_do_about_it(db: Database) -> None:
    with db.transaction() as tx:
        tx.run(
            "INSERT INTO set_aside_configs (config_key, reason, since)"
            " SELECT config_key, 'guardrails: <b>unknown</b>', now() FROM user_trading_config"
        )
        tx.run("DROP MATERIALIZED VIEW utils_statistics.daily_trade_extremes_mv CASCADE")

    findings = listed("findings")

    assert "of user-1 (1 users) is set aside: guardrails: &lt;b&gt;unknown" in findings["configs"]
    assert "its users can replace it" in findings["configs"]
    assert findings["kpi views"].startswith("fail ")
    assert "there is no such view" in findings["kpi views"]


def test_a_check_that_breaks_hides_no_other(db: Database) -> None:
    with db.transaction() as tx:
        tx.run("DROP TABLE set_aside_rows")

    findings = listed("findings")

    assert tuple(findings) == CHECKS
    assert findings["rows"].startswith("fail ")
    assert findings["positions"].startswith("ok ")


def test_nothing_has_run_where_nothing_is_stored() -> None:
    assert all(line.endswith("last –") for line in listed("schedules").values())  # noqa: RUF001


def test_the_functions_last_runs_are_shown_with_what_they_left() -> None:
    tick()
    function("reconcile_orders").post("/", json={})
    function("push_snapshot").post("/", json={})

    runs = listed("schedules")

    at = r"last \w{3} \d\d \w{3}, \d\d:\d\d: "
    assert re.search(at + "prices fetched", runs["ingest"])
    assert re.search(at + "equity read, once a quarter hour", runs["reconcile_orders"])
    assert re.search(at + "messages published", runs["relay_outbox"])
    assert re.search(at + r"\w+", runs["push_snapshot"])


def test_the_local_stack_names_each_job(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("APP_BACKEND_URL", "http://127.0.0.1:9")
    wiring.reset()
    tick()

    runs = listed("schedules")

    assert list(runs) == [job.name for job in load_schedules()]
    assert re.search(r"\* \* \* \* \* Etc/UTC last \w{3} .*: prices fetched", runs["ingest"])


def test_a_breaker_is_shown_until_its_day_is_over(db: Database, simulator: SimulatedBroker) -> None:
    lost = Denied(DenialCode.DAILY_LOSS_LIMIT, {"day_pnl": Decimal(-50)})
    with db.transaction() as tx:
        controls.restrict(
            tx, [controls.breaker(USER, lost, simulator.clock.now())], simulator.clock.now()
        )

    tripped = function("console").get("/operate").text
    simulator.clock.advance(timedelta(days=1))
    tomorrow = function("console").get("/operate").text

    assert f"<strong>{USER} is reducing</strong>" in tripped
    assert "daily loss limit: day_pnl=-50" in tripped
    assert "Trading is active: nothing is halted." in tomorrow
    assert "daily loss limit" in tomorrow  # who switched what
