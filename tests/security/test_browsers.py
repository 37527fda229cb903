"""Which web pages may call the account API: those that the operator has named."""

import pytest

from functions import wiring
from tests.functions.account.account import BASE, Account, _app

ORIGIN = "https://app.example.com"
ASKING = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "authorization,if-match",
}


@pytest.fixture
def deployed(account: Account, environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As in a deployment: no switch of a developer's machine is on."""
    assert account is not None
    environment.delenv("QUESTION_PIPELINE_TEST_MODE", raising=False)
    environment.delenv("BROKER_CLOCK", raising=False)
    wiring.reset()
    return environment


@pytest.mark.usefixtures("deployed")
def test_none_may_unless_configured(account: Account) -> None:
    asked = _app().test_client().options(f"{BASE}/config", headers=ASKING)
    called = account.get("/orders", headers={"Origin": ORIGIN})

    assert asked.status_code == 405
    for reply in (asked, called):
        assert "Access-Control-Allow-Origin" not in reply.headers


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (ORIGIN, True),
        ("https://other.example.com", True),
        ("https://app.example.com.evil.com", False),
        ("https://app.example.co", False),
        ("https://app.example.com,https://other.example.com", False),
        ("https://evil.com", False),
        ("http://app.example.com", False),
        ("null", False),
        ("*", False),
    ],
)
def test_those_that_are_named_may(
    deployed: pytest.MonkeyPatch,
    origin: str,
    allowed: bool,  # noqa: FBT001 (a column of the table)
) -> None:
    deployed.setenv("ALLOWED_ORIGINS", f"{ORIGIN},https://other.example.com")
    wiring.reset()

    asked = _app().test_client().options(f"{BASE}/config", headers=ASKING | {"Origin": origin})
    refused = _app().test_client().get(f"{BASE}/config", headers={"Origin": origin})

    assert asked.status_code == (204 if allowed else 405)
    for reply in (asked, refused):
        assert reply.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    if allowed:
        assert "PUT" in asked.headers["Access-Control-Allow-Methods"]
        assert "If-Match" in asked.headers["Access-Control-Allow-Headers"]
        assert "ETag" in refused.headers["Access-Control-Expose-Headers"]
    assert refused.status_code == 401


def test_on_a_developers_machine_every_page_may_until_some_are_named(
    account: Account, environment: pytest.MonkeyPatch
) -> None:
    headers = {"Origin": "http://localhost:5173"}
    every = account.get("/orders", headers=headers)
    environment.setenv("ALLOWED_ORIGINS", ORIGIN)
    wiring.reset()
    named = account.get("/orders", headers=headers)

    assert every.headers["Access-Control-Allow-Origin"] == headers["Origin"]
    assert "Access-Control-Allow-Origin" not in named.headers


def test_a_setting_that_is_no_list_of_origins_refuses_to_start(
    deployed: pytest.MonkeyPatch,
) -> None:
    deployed.setenv("ALLOWED_ORIGINS", "*")
    wiring.reset()

    reply = _app().test_client().get(f"{BASE}/config")

    assert reply.status_code == 500
    assert "ALLOWED_ORIGINS" in reply.get_json()["error"]["message"]
