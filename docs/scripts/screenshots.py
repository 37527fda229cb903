"""Makes the pictures of the console; needs Chromium: `python docs/scripts/screenshots.py`.

A quiet morning is played on the local stack, so that the pages have something to show.
"""

import shutil
import tempfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from infra.local.app_backend import AppBackend
from infra.local.demo import MORNING
from infra.local.driver import Driver
from infra.local.stack import Stack, User, local_stack
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock

FOLDER = Path(__file__).parents[1] / "images"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
# Prices of SPY by the minute (USD): the rule waits for 1.5 % below the close of 500.
SPY = ("499", "498.2", "496.9", "497.6", "495.8", "494.1", "494.9", "493.3", "491.6")
LATER = ("492.4", "493.8", "493.1", "495.2", "496.4", "495.9", "497.3")


def main() -> None:
    """Play the morning and take the pictures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        SimulatedBroker(SimulatedClock(MORNING)) as simulator,
        local_stack(
            Path(folder), simulator, AppBackend(), [User("ann"), User("ben")], keep=False
        ) as stack,
        sync_playwright() as driver,
    ):
        chromium = shutil.which("chromium")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for symbol, last in (("AAPL", 228), ("MSFT", 410)):
            simulator.market.set_price(symbol, last, prev_close=last - 1, live=True)
        play(stack, SPY)
        take(browser, stack, "questions", "questions", DESKTOP, "light")
        take(browser, stack, "questions", "questions-phone", PHONE, "dark")
        Driver(stack).answer(stack.app.questions[0], Decimal(10))
        play(stack, LATER)
        Driver(stack).push_snapshot()
        take(browser, stack, "", "today", DESKTOP, "light")
        take(browser, stack, "market", "market", DESKTOP, "dark")
        with stack.database.transaction() as tx:
            order = tx.rows("SELECT id FROM trade_orders")[0]["id"]
        take(browser, stack, f"orders/{order}", "order", DESKTOP, "light")
        browser.close()


def play(stack: Stack, prices: tuple[str, ...]) -> None:
    """Let each price stand for a minute."""
    driver = Driver(stack)
    for price in prices:
        stack.simulator.market.set_price("SPY", Decimal(price), prev_close=500, live=True)
        driver.ingest()
        driver.reconcile()
        driver.advance(timedelta(minutes=1))


def take(
    browser: Browser, stack: Stack, path: str, name: str, viewport: dict[str, int], scheme: Any
) -> None:
    """Open a page and keep what is seen of it."""
    page = browser.new_page(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{stack.console_url}/{path}")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png")
    page.close()


if __name__ == "__main__":
    main()
