"""The account API's fixtures serve the attacks, too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functions.account.account import Account
from tests.functions.conftest import account, firebase_key
from tests.security.deployed import Deployed, deployed

__all__ = ["account", "firebase_key"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--flood", default=600, help="how many hostile requests to send")


@pytest.fixture
def gunicorn(account: Account, tmp_path: Path) -> Iterator[Deployed]:
    """All functions under gunicorn, with the environment of the test."""
    assert account
    with deployed(tmp_path) as server:
        yield server
