"""Who may come in, and how much one caller may ask: decided before the database is touched."""

import io
import socket
import threading
import uuid
from contextlib import ExitStack, suppress

import flask
import pytest
from werkzeug.exceptions import RequestTimeout
from werkzeug.test import EnvironBuilder

from functions import bodies, wiring
from infra.postgres.database import Database
from tests.conftest import enroll, function, rows
from tests.functions.account.account import BASE, Account
from tests.functions.steps import swipe

OK, FORBIDDEN, NOT_FOUND, TOO_MANY = 200, 403, 404, 429


def put(account: Account, uid: str, **claims: object) -> int:
    """Return the status of a first config."""
    own = Account(account.key_file, uid)
    reply = own.call("PUT", "/config", token=own.token(**claims), json={})
    return reply.status_code


def set_to(environment: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        environment.setenv(name, value)
    wiring.reset()


def test_nobody_enrolls_unless_the_operator_says_so(
    account: Account, environment: pytest.MonkeyPatch, db: Database
) -> None:
    environment.delenv("ENROLLMENT")
    wiring.reset()

    assert put(account, "stranger") == FORBIDDEN
    assert rows(db, "SELECT 1 FROM users") == []


def test_who_is_a_user_already_stays_one(
    account: Account, environment: pytest.MonkeyPatch, db: Database
) -> None:
    enroll(db, "member")
    set_to(environment, ENROLLMENT="closed")

    reply = Account(account.key_file, "member").get("/config")

    assert reply.status_code == OK


def test_the_allow_list_lets_in_by_name(account: Account, environment: pytest.MonkeyPatch) -> None:
    set_to(environment, ENROLLMENT="allow_list", ENROLLMENT_ALLOW_LIST="ann, bob")

    assert put(account, "bob") == OK
    assert put(account, "bo") == FORBIDDEN


def test_a_claim_lets_in_only_when_it_is_true(
    account: Account, environment: pytest.MonkeyPatch
) -> None:
    set_to(environment, ENROLLMENT="claim", ENROLLMENT_CLAIM="trader")

    assert put(account, "ann", trader=True) == OK
    assert put(account, "bob", trader="true") == FORBIDDEN
    assert put(account, "eve") == FORBIDDEN


def test_a_flood_of_one_user_is_answered_without_the_database(
    account: Account, environment: pytest.MonkeyPatch, db: Database
) -> None:
    enroll(db, "loud")
    enroll(db, "quiet")
    set_to(environment, MAX_CALLER_REQUESTS_PER_MINUTE="5")

    def ask(uid: str) -> tuple[int, str | None]:
        reply = Account(account.key_file, uid).get("/config")
        return reply.status_code, reply.headers.get("Retry-After")

    assert [ask("loud")[0] for _ in range(5)] == [OK] * 5
    status, again = ask("loud")
    assert (status, again is not None and 1 <= int(again) <= 12) == (TOO_MANY, True)
    assert ask("quiet")[0] == OK


@pytest.mark.usefixtures("environment")
def test_a_flood_of_answers_of_one_user_leaves_the_others_theirs(
    environment: pytest.MonkeyPatch,
) -> None:
    set_to(environment, MAX_CALLER_REQUESTS_PER_MINUTE="2")

    flood = [swipe(uuid.uuid4(), 10, "loud").status_code for _ in range(4)]

    assert flood == [NOT_FOUND, NOT_FOUND, TOO_MANY, TOO_MANY]
    assert swipe(uuid.uuid4(), 10, "quiet").status_code == NOT_FOUND


FRONT_END = "203.0.113.7"


def knock(name: str, address: str, **headers: str) -> tuple[int, bool]:
    """Call without saying who; return the status, and whether it says when to come again."""
    path = f"{BASE}/status" if name == "account_api" else "/"
    method = "GET" if name == "account_api" else "POST"
    forwarded = {"X-Forwarded-For": f"198.51.100.1, {address}"}
    reply = function(name).open(path, method=method, headers=forwarded | headers)
    return reply.status_code, "Retry-After" in reply.headers


@pytest.mark.parametrize("name", ["account_api", "answer"])
def test_a_flood_of_unauthenticated_requests_is_counted_by_address(
    account: Account, environment: pytest.MonkeyPatch, db: Database, name: str
) -> None:
    enroll(db, "known")
    set_to(environment, MAX_CALLER_REQUESTS_PER_MINUTE="2")

    flood = [knock(name, FRONT_END) for _ in range(4)]
    elsewhere = knock(name, "203.0.113.8")
    token = Account(account.key_file, "known").token()
    known = knock("account_api", FRONT_END, Authorization=f"Bearer {token}")

    assert flood == [(401, False)] * 2 + [(TOO_MANY, True)] * 2
    assert elsewhere == (401, False)
    assert known == (OK, False)


def test_an_address_that_the_caller_made_up_is_ignored(
    account: Account, environment: pytest.MonkeyPatch
) -> None:
    assert account
    set_to(environment, MAX_CALLER_REQUESTS_PER_MINUTE="2")

    made_up = [
        function("answer").post("/", headers={"X-Forwarded-For": f"10.0.0.{n}, {FRONT_END}"})
        for n in range(3)
    ]

    assert [reply.status_code for reply in made_up] == [401, 401, TOO_MANY]


def test_all_addresses_of_one_network_are_one_caller(
    account: Account, environment: pytest.MonkeyPatch
) -> None:
    assert account
    set_to(environment, MAX_CALLER_REQUESTS_PER_MINUTE="2")

    flood = [knock("answer", f"2001:db8:0:7::{n:x}")[0] for n in range(3)]
    mapped = [knock("answer", f"::ffff:198.51.100.{n}")[0] for n in range(3)]

    assert flood == [401, 401, TOO_MANY]
    assert mapped == [401] * 3
    assert knock("answer", "2001:db8:0:8::1")[0] == 401
    assert knock("answer", "no address")[0] == 401


class LateReading(io.BytesIO):
    """A body that a busy worker reads only when its time is up."""

    def __init__(self, body: bytes, peer: socket.socket) -> None:
        super().__init__(body)
        self._peer = peer

    def read(self, size: int | None = -1, /) -> bytes:
        """Wait until nothing more is taken of the peer."""
        with suppress(BrokenPipeError):
            while True:
                self._peer.send(b"more")
        return super().read(size)


def request_read_late(body: bytes, says: int | None, stack: ExitStack) -> flask.Request:
    ours, peer = (stack.enter_context(each) for each in socket.socketpair())
    environ = EnvironBuilder(method="POST").get_environ() | {
        "wsgi.input": LateReading(body, peer),
        "wsgi.input_terminated": True,
        "gunicorn.socket": ours,
    }
    length = (
        {"HTTP_TRANSFER_ENCODING": "chunked"} if says is None else {"CONTENT_LENGTH": str(says)}
    )
    return flask.Request(environ | length)


@pytest.mark.parametrize("says", [4, None], ids=["of a length", "in chunks"])
def test_a_body_that_came_in_time_and_was_read_late_counts(
    says: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_AT_ONCE_SECONDS", 0.01)
    monkeypatch.setattr(bodies, "_PATIENCE_SECONDS", 0.01)
    with ExitStack() as stack:
        request = request_read_late(b"body", says, stack)

        bodies.bound_body(request)

        assert request.get_data() == b"body"


@pytest.mark.parametrize(("body", "says"), [(b"bod", 4), (b"", None)])
def test_a_body_that_is_not_whole_when_its_time_is_up_is_refused(
    body: bytes, says: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_AT_ONCE_SECONDS", 0.01)
    monkeypatch.setattr(bodies, "_PATIENCE_SECONDS", 0.01)
    with ExitStack() as stack, pytest.raises(RequestTimeout):
        bodies.bound_body(request_read_late(body, says, stack))


def test_a_few_slow_bodies_of_an_address_are_waited_for_and_no_more() -> None:
    here = threading.Event()
    here.set()
    for _ in range(3):
        assert bodies._slow_bodies.enter("slow", 0.0) == 0
    try:
        assert not bodies._arrives(here, "slow")
        assert bodies._arrives(here, "another")
    finally:
        for _ in range(3):
            bodies._slow_bodies.leave("slow")
    assert bodies._arrives(here, "slow")
