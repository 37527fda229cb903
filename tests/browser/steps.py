"""What a person does in the console, step by step."""

from typing import Any

from playwright.sync_api import Page, expect

FAR = 200  # pixels


def step_a_minute(page: Page) -> None:
    page.get_by_role("button", name="Step a minute").click()
    expect(page.locator("#notice")).to_have_text("One minute has passed.")


def set_price(page: Page, symbol: str, last: str) -> None:
    page.get_by_label("Symbol").fill(symbol)
    page.get_by_label("Price").fill(last)
    page.get_by_role("button", name="Set price").click()
    expect(page.locator("#notice")).to_contain_text(f"{symbol} trades at ${last}")


def wait_for_question(page: Page) -> Any:
    """Let the price fall while the page of questions is open: the card comes by itself."""
    expect(page.get_by_text("Nothing waits for an answer.")).to_be_visible()
    set_price(page, "SPY", "480")
    step_a_minute(page)
    card = page.locator(".question")
    expect(card).to_be_visible()
    return card


def swipe(page: Page, card: Any, by: int) -> None:
    """Drag the card: with a finger where the page is a phone's, else with the mouse."""
    box = card.locator("h2").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    if page.evaluate("navigator.maxTouchPoints"):
        _touch(page, x, y, by)
        return
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by / 2, y, steps=5)
    page.mouse.move(x + by, y, steps=5)
    page.mouse.up()


def _touch(page: Page, x: float, y: float, by: int) -> None:
    session = page.context.new_cdp_session(page)
    points = [x + by * part / 10 for part in range(11)]
    session.send("Input.dispatchTouchEvent", _event("touchStart", points[0], y))
    for point in points[1:]:
        session.send("Input.dispatchTouchEvent", _event("touchMove", point, y))
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def _event(kind: str, x: float, y: float) -> dict[str, Any]:
    return {"type": kind, "touchPoints": [{"x": x, "y": y}]}
