"""The console in a real browser: the system's Chromium, on the whole local stack."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright import sync_api as playwright

from infra.local.app_backend import AppBackend
from infra.local.demo import MORNING
from infra.local.scheduler import LocalScheduler
from infra.local.stack import Stack, User, local_stack
from infra.runtime.schedules import load_schedules
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from tests.waiting import PATIENCE_SECONDS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "light"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "dark",
        "has_touch": True,
        "is_mobile": True,
    },
}
# Whatever a page waits for comes with the next tick or two.
TIMEOUT_MS = PATIENCE_SECONDS * 1000


@dataclass
class Watched:
    """A page of the console, and whatever was wrong with it."""

    page: Any
    base: str
    wrong: list[str] = field(default_factory=list)

    def open(self, path: str = "") -> Any:
        """Open a page of the console."""
        self.page.goto(f"{self.base}/{path}")
        return self.page

    def watch(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"uncaught: {error}"))
        self.page.context.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(f"console: {message.text}")

    def _asked(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob"} and address.hostname != "127.0.0.1":
            self.wrong.append(f"asked another host: {request.url}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("there is no Chromium here (on Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """The stack on a quiet morning, with a clock that stands until the page moves it."""
    with (
        SimulatedBroker(SimulatedClock(MORNING)) as simulator,
        local_stack(tmp_path, simulator, AppBackend(), [User("demo-user")], keep=False) as stack,
        LocalScheduler(load_schedules(), stack.functions.url, simulator.clock),
    ):
        for symbol, last, previous in (("SPY", 499, 500), ("AAPL", 228, 227), ("MSFT", 410, 409)):
            simulator.market.set_price(symbol, last, prev_close=previous, live=True)
        yield stack


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def console(chromium: Any, stack: Stack, size: str) -> Iterator[Watched]:
    """A page of the console; at the end nothing may have been wrong with it."""
    context = chromium.new_context(**SIZES[size])
    context.set_default_timeout(TIMEOUT_MS)
    playwright.expect.set_options(timeout=TIMEOUT_MS)
    watched = Watched(context.new_page(), stack.console_url)
    watched.watch()
    yield watched
    context.close()
    assert not watched.wrong
