"""docs/openapi.yaml is true: schemathesis finds nothing that the API does and it does not say."""

from collections.abc import Iterator
from typing import Any

import functions_framework
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings

from infra.local.serving import HttpServer
from infra.postgres.database import Database
from tests.conftest import ROOT
from tests.functions.account.account import DOCUMENT, Account
from tests.functions.steps import approved, submit

schema = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture
def api(account: Account, user: str, db: Database) -> Iterator[str]:
    """The function behind a port, and a user who has something to show."""
    assert user == account.uid
    submit(approved(db))
    source = str(ROOT / "functions" / "main.py")
    app = functions_framework.create_app("account_api", source)  # type: ignore[no-untyped-call]
    with HttpServer(app) as server:
        yield server.url


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """The user's connection."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_nothing_happens_that_is_not_documented(
    case: schemathesis.Case[Any], account: Account, api: str, session: requests.Session
) -> None:
    headers = {"Authorization": f"Bearer {account.token()}"}
    # What makes a cursor ours, or a config valid, no schema can say.
    unsayable: list[Any] = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]
    case.call_and_validate(
        base_url=api, session=session, headers=headers, excluded_checks=unsayable
    )
