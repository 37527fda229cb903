"""A person at the console: asked, swiped, ordered, traced; halted; on a phone and on a desktop."""

from pathlib import Path

from playwright.sync_api import expect

from infra.auth.receipt_signature import verified
from infra.local.stack import RECEIPT_PUBLIC_KEY, Stack
from tests.browser.conftest import Watched
from tests.browser.steps import FAR, set_price, step_a_minute, swipe, wait_for_question
from tests.conftest import rows


def test_a_falling_price_is_asked_about_swiped_ordered_filled_traced_and_verified(
    console: Watched, stack: Stack, tmp_path: Path
) -> None:
    page = console.open("questions")
    card = wait_for_question(page)
    expect(card.locator("figure.chart canvas")).to_be_visible()
    expect(card).to_contain_text("SPY at $480.00")
    expect(card).to_contain_text("A yes will buy $10 of SPY at market.")

    swipe(page, card, FAR)
    expect(card).to_have_count(0)
    expect(page.locator("#notice")).to_contain_text("Yes: the order is on its way")
    step_a_minute(page)
    expect(page.locator(".settled")).to_contain_text("filled")
    page.get_by_role("link", name="order", exact=True).click()

    expect(page.locator(".timeline")).to_contain_text("Rule dip_confirm fired")
    expect(page.locator(".timeline")).to_contain_text("+10 means approve")
    expect(page.locator(".timeline")).to_contain_text("Filled")
    expect(page.get_by_text("passed; $10.00 was reserved")).to_be_visible()
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Receipt").click()
    receipt = Path(downloaded.value.path()).read_bytes()
    (order,) = rows(stack.database, "SELECT id, client_order_id, status FROM trade_orders")
    assert order["status"] == "filled"
    found = verified(receipt, (tmp_path / RECEIPT_PUBLIC_KEY).read_text())
    assert (found.order_id, found.client_order_id) == (order["id"], order["client_order_id"])
    assert [entry.type for entry in found.entries][-2:] == ["broker_order", "fill"]


def test_a_swipe_to_the_left_orders_nothing(console: Watched, stack: Stack) -> None:
    page = console.open("questions")
    card = wait_for_question(page)

    swipe(page, card, -FAR)

    expect(page.locator("#notice")).to_contain_text("nothing will be ordered")
    expect(page.locator(".settled")).to_contain_text("reject")
    assert not rows(stack.database, "SELECT 1 FROM trade_orders")


def test_a_short_drag_answers_nothing(console: Watched, stack: Stack) -> None:
    page = console.open("questions")
    card = wait_for_question(page)

    swipe(page, card, 60)

    expect(card.locator("output")).to_have_text("0")
    (question,) = rows(stack.database, "SELECT status FROM confirmations")
    assert question["status"] == "pending"


def test_a_halt_stops_the_next_order_and_the_pages_say_so(console: Watched, stack: Stack) -> None:
    page = console.open("questions")
    wait_for_question(page)

    console.open("operate")
    page.get_by_role("button", name="Halt").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why")
    page.get_by_label("Why").fill("a drill")
    page.get_by_role("button", name="Halt").click()
    expect(page.locator("#notice")).to_have_text("Halted: all trading.")
    console.open("questions")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".question")).to_have_count(0)

    console.open("orders")
    expect(page.locator("table")).to_contain_text("TRADING_HALTED")
    console.open("")
    expect(page.locator("article", has_text="Trading")).to_contain_text("halted")
    assert not stack.simulator.ledger.orders()
    console.open("operate")
    page.get_by_label("Why").fill("the drill is over")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#notice")).to_have_text("Resumed: all trading.")
    console.open("")
    expect(page.locator("article", has_text="Trading")).to_contain_text("active")


def test_the_keyboard_alone_answers(console: Watched) -> None:
    page = console.open("questions")
    card = wait_for_question(page)

    card.get_by_role("slider").focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    expect(card.get_by_role("button", name="Send +6")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("#notice")).to_contain_text("Yes: the order is on its way")


def test_an_edited_config_shows_its_errors_and_what_it_would_have_asked_and_is_saved(
    console: Watched, stack: Stack
) -> None:
    stack.simulator.market.set_price("SPY", 494, live=True)  # 1.2 % below the close of 500
    stack.call("ingest").raise_for_status()
    page = console.open("rules/config?user=demo-user")
    editor = page.get_by_role("textbox", name="What they say")

    editor.fill('{"guardrails": {"max_orders_per_day": "many"}}')
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("guardrails.max_orders_per_day")
    assert editor.input_value() == '{"guardrails": {"max_orders_per_day": "many"}}'
    for threshold, answer in (("-2", "It would have asked nothing."), ("-1", "down 1.2%")):
        editor.fill(f'{{"rules": [{{"id": "dip_confirm", "threshold_pct": {threshold}}}]}}')
        page.get_by_role("button", name="What would it have asked?").click()
        expect(page.locator("#would-ask")).to_contain_text(answer)
    assert not rows(stack.database, "SELECT 1 FROM user_trading_config WHERE config <> '{}'")
    editor.fill('{"guardrails": {"max_orders_per_day": 2}}')
    page.get_by_role("button", name="Save").click()

    expect(page.locator("#notice")).to_contain_text("Saved")
    expect(page.get_by_role("alert")).to_have_count(0)
    (stored,) = rows(stack.database, "SELECT config FROM user_trading_config")
    assert stored["config"] == {"guardrails": {"max_orders_per_day": 2}}


def test_a_price_and_a_pause_of_the_bar_reach_the_pages(console: Watched, stack: Stack) -> None:
    page = console.open("market")
    set_price(page, "SPY", "497.25")
    step_a_minute(page)

    expect(page.locator("main")).to_contain_text("$497.25")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#notice")).to_contain_text("The clock runs")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#notice")).to_have_text("The clock stands.")
    expect(page.locator("time.now")).to_contain_text("paused")
    assert stack.simulator.clock.speed == 0

    page.get_by_role("button", name="Split 2:1").click()
    expect(page.locator("#notice")).to_contain_text("Two shares of SPY come for one on 2026-02-11")
    (split,) = stack.simulator.corporate_actions.listed()
    assert (split.kind, split.symbol) == ("forward_split", "SPY")
