"""A process that is killed from the page while an order is on its way: nothing is lost or twice."""

import pytest
from playwright.sync_api import Page, expect

from infra.local.stack import Stack
from tests.browser.conftest import Watched
from tests.browser.steps import FAR, step_a_minute, swipe, wait_for_question
from tests.conftest import rows
from tests.waiting import PATIENCE_SECONDS, eventually


@pytest.mark.parametrize("size", ["phone"])
def test_functions_killed_while_an_order_is_on_its_way_lose_nothing_and_order_once(
    console: Watched, stack: Stack
) -> None:
    page = console.open("questions")
    card = wait_for_question(page)
    # The broker takes the order, and whoever sent it does not live to read the answer.
    stack.simulator.faults.add("accept_then_timeout", delay=60, path="/v2/orders")
    swipe(page, card, FAR)
    eventually(stack.simulator.ledger.orders)
    (order,) = rows(stack.database, "SELECT status, alpaca_order_id FROM trade_orders")
    assert order == {"status": "submitting", "alpaca_order_id": None}

    page.get_by_role("button", name="Kill the functions").click()
    eventually(stack.functions.restart_if_dead)  # as `countersign dev` does

    expect(page.locator(".settled")).to_contain_text("approve")
    eventually(lambda: _step(page, stack))
    (order,) = rows(stack.database, "SELECT status, client_order_id FROM trade_orders")
    (placed,) = stack.simulator.ledger.orders()
    assert order == {"status": "filled", "client_order_id": placed.client_order_id}
    assert len(rows(stack.database, "SELECT 1 FROM trade_fills")) == 1
    assert len(rows(stack.database, "SELECT 1 FROM trades")) == 1
    assert stack.bus.drain(PATIENCE_SECONDS)
    assert [each.status for each in stack.app.updates].count("filled") == 1
    assert not rows(stack.database, "SELECT 1 FROM dead_letters")
    console.open("orders")
    expect(page.locator("table")).to_contain_text("filled")
    console.wrong.clear()  # what the browser said of the requests that nobody answered


def _step(page: Page, stack: Stack) -> bool:
    """Let a minute pass; tell whether the order is filled."""
    step_a_minute(page)
    return bool(rows(stack.database, "SELECT 1 FROM trade_orders WHERE status = 'filled'"))
