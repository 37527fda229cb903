"""Fixtures of the account API's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functions.account.account import Account, google_keys


@pytest.fixture(scope="session")
def firebase_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the key that signs users' tokens."""
    return tmp_path_factory.mktemp("firebase") / "key.pem"


@pytest.fixture
def account(environment: pytest.MonkeyPatch, firebase_key: Path) -> Iterator[Account]:
    """The test's user, who has a valid token and not necessarily a config."""
    with google_keys(environment, firebase_key):
        yield Account(firebase_key)
