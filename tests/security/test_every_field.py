"""Any value in any field of any route is refused by name, or right; and others are served."""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from infra.local.app_backend import signed_headers
from infra.local.stack import WEBHOOK_SECRET
from infra.postgres.database import Database
from tests.conftest import NOON, USER, enroll, function, rows
from tests.functions.account.account import BASE, Account
from tests.functions.steps import asked, deliver, tick
from tests.security.hostile import STRANGE

OK, UNPROCESSABLE = 200, 422
NEIGHBOUR = "neighbour"

TEXTS = st.text(st.characters(exclude_categories=[])) | st.sampled_from(
    [each for each in STRANGE if isinstance(each, str)]
)
VALUES = st.recursive(
    st.sampled_from(STRANGE)
    | st.integers()
    | st.floats()
    | TEXTS
    | st.integers(-30_000, 30_000).map(lambda exponent: f"1e{exponent}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=4,
)

many = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def neighbour(account: Account, db: Database) -> Callable[[], None]:
    """Another user, who asks for what is theirs and must get it."""
    enroll(db, USER)
    enroll(db, NEIGHBOUR, max_staleness_seconds=177)
    question = str(asked(db, NEIGHBOUR))
    own = Account(account.key_file, NEIGHBOUR)

    def is_served() -> None:
        shown = own.get("/questions").get_json()["questions"]
        assert [each["id"] for each in shown] == [question]
        assert own.get("/config").get_json()["override"] == {"max_staleness_seconds": 177}

    return is_served


def assert_refused_by_name(reply: TestResponse, field: str) -> None:
    """Hold a refusal against the field that was spoiled; anything else must have been right."""
    assert reply.status_code < 500, reply.text
    if reply.status_code == UNPROCESSABLE:
        problems = reply.get_json()["error"]["problems"]
        named = [f"{each['path']}: {each['message']}" for each in problems]
        assert any(field in each or each.startswith("not JSON: ") for each in named), reply.text


QUERIES = [
    *(("/orders", name) for name in ("limit", "cursor", "status", "surprise")),
    *(("/questions", name) for name in ("limit", "cursor", "status", "surprise")),
    ("/snapshots", "symbol"),
    *((path, "surprise") for path in ("/status", "/config")),
]


@pytest.mark.parametrize(("path", "field"), QUERIES)
def test_a_query(account: Account, neighbour: Callable[[], None], path: str, field: str) -> None:
    @many
    @given(TEXTS)
    def spoil(value: str) -> None:
        query = urlencode({field: value}, errors="surrogatepass")

        reply = account.call("GET", f"{path}?{query}")

        assert reply.status_code in {OK, 404, UNPROCESSABLE}
        assert_refused_by_name(reply, field)

    spoil()
    neighbour()


@pytest.mark.parametrize(("method", "tail"), [("DELETE", ""), ("GET", "/trace")])
def test_an_id_in_a_path(
    account: Account, neighbour: Callable[[], None], method: str, tail: str
) -> None:
    token = {"Authorization": f"Bearer {account.token()}"}
    client = function("account_api")

    @many
    @given(TEXTS)
    def spoil(value: str) -> None:
        path = BASE + "/orders/" + value.encode("utf-8", "surrogatepass").hex("%") + tail

        assert client.open(path, method=method, headers=token).status_code in {404, 405}

    spoil()
    neighbour()


def places(document: Any, root: str = "") -> list[tuple[Any, Any, str]]:
    """List every container in a document with each of its keys, and the field it lies in."""
    if not isinstance(document, dict | list):
        return []
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    own = [(document, key, root or str(key)) for key in keys]
    return own + [place for key in keys for place in places(document[key], root or str(key))]


def test_each_field_of_a_config(
    account: Account, db: Database, neighbour: Callable[[], None]
) -> None:
    (template,) = rows(db, "SELECT config FROM trading_config_templates")
    whole = json.dumps(template["config"], default=str)

    @settings(many, max_examples=80)
    @given(st.data())
    def spoil(data: st.DataObject) -> None:
        document = json.loads(whole)
        container, key, field = data.draw(st.sampled_from(places(document)))
        container[key] = data.draw(VALUES)

        reply = account.put(document, "?template_name=", If_Match="*")

        assert reply.status_code in {OK, UNPROCESSABLE}
        assert_refused_by_name(reply, field)
        assert account.get("/status").status_code == OK

    spoil()
    assert tick().status_code == OK
    neighbour()


ANSWER = {
    "question_id": str(uuid.UUID(int=7)),
    "firebase_uid": USER,
    "answer": 10,
    "answered_at": NOON.isoformat(),
}


@pytest.mark.parametrize("field", [*ANSWER, "surprise"])
def test_an_answer(neighbour: Callable[[], None], field: str) -> None:
    @many
    @given(VALUES)
    def spoil(value: Any) -> None:
        body = json.dumps(ANSWER | {field: value})
        headers = signed_headers(WEBHOOK_SECRET, body)

        reply = function("answer").post("/", data=body, headers=headers)

        assert reply.status_code in {404, UNPROCESSABLE}
        assert_refused_by_name(reply, field)

    spoil()
    neighbour()


AUDIENCE = {
    "config_key": "x",
    "first_uid": "a",
    "last_uid": "z",
    "users": 1,
    "max_queued_questions": 5,
    "firings": [],
}
MESSAGES: Mapping[str, Mapping[str, Any]] = {
    "evaluate": {"ingested_at": NOON.isoformat(), "stored": 1},
    "submit_order": {"order_id": str(uuid.UUID(int=7))},
    "ask": {"evaluated_at": NOON.isoformat(), "audiences": [AUDIENCE]},
}
FIELDS = [
    *((name, field) for name, message in MESSAGES.items() for field in (*message, "surprise")),
    *(("ask", f"audiences.{field}") for field in AUDIENCE),
]


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_message(db: Database, neighbour: Callable[[], None], name: str, field: str) -> None:
    """What no retry can help is kept for a person, and acknowledged."""

    @many
    @given(VALUES)
    def spoil(value: Any) -> None:
        message = dict(MESSAGES[name])
        if field.startswith("audiences."):
            message["audiences"] = [AUDIENCE | {field.partition(".")[2]: value}]
        else:
            message[field] = value

        reply = deliver(name, json.dumps(message).encode(), str(uuid.uuid4()))

        assert reply.status_code == OK, reply.text

    spoil()
    kept = rows(db, "SELECT error FROM dead_letters WHERE consumer = :name", name=name)
    assert kept
    neighbour()


@pytest.mark.parametrize("field", ["date", "force", "surprise"])
def test_a_push(neighbour: Callable[[], None], field: str) -> None:
    @settings(many, max_examples=10)
    @given(VALUES.filter(lambda value: value is not None and not isinstance(value, bool)))
    def spoil(value: Any) -> None:
        reply = function("push_snapshot").post("/", json={field: value})

        assert reply.status_code == UNPROCESSABLE, reply.text
        assert_refused_by_name(reply, field)

    spoil()
    neighbour()
