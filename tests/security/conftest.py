"""The account API's fixtures serve the attacks, too."""

import pytest

from tests.functions.conftest import account, firebase_key

__all__ = ["account", "firebase_key"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--flood", default=600, help="how many hostile requests to send")
