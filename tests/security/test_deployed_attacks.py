"""The attacks that were found, each under gunicorn with threads, as deployed.

After every one of them two honest users must be served right, by the same process; nothing may have
been a 5xx.
"""

import base64
import json
import re
import select
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.stack import WEBHOOK_SECRET
from tests.conftest import NOON, rows
from tests.functions.account.account import Account
from tests.security.hostile import API, CURSOR, RULE
from tests.security.site import OK, Site, neighbours, site
from tests.security.test_bad_pieces import BAD, HEAVY, HISTORY, store
from tests.security.test_edge_requests import answer_body, signed

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NOT_ALLOWED = 401, 403, 404, 405
TOO_LATE, TOO_LARGE, UNPROCESSABLE = 408, 413, 422
SERVER_ERROR = 500
MALLORY = "mallory"
FUNCTIONS = ("ingest", "evaluate", "ask", "answer", "submit_order", "reconcile_orders")
POSTED = (*FUNCTIONS, "push_snapshot", "relay_outbox")
SECOND = 1.0
THREADS = 8


@pytest.fixture(scope="module")
def deployment(
    postgres: str, firebase_key: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """One deployment for all attacks. Nobody may enroll: its users are there already."""
    with site(postgres, firebase_key, tmp_path_factory.mktemp("site"), ENROLLMENT="closed") as run:
        store(run.db, MALLORY, {})
        yield run


@pytest.fixture(scope="module")
def honest(deployment: Site) -> Callable[[], None]:
    return neighbours(deployment, ("ann", "bob"))


@pytest.fixture(autouse=True)
def nobody_is_harmed(deployment: Site, honest: Callable[[], None]) -> Iterator[None]:
    """Let the honest users work after each attack, in the process that was attacked."""
    worker, length = deployment.server.worker, len(deployment.server.log.read_text())
    yield
    honest()
    assert deployment.server.worker == worker
    assert "stack_trace" not in deployment.server.log.read_text()[length:]


def test_unsigned_bodies_of_32_mb_are_refused_in_little_memory(deployment: Site) -> None:
    body = bytes(32 * 2**20)

    def post(_: int) -> int:
        return httpx.post(
            f"{deployment.server.url}/answer", content=body, timeout=120, trust_env=False
        ).status_code

    with deployment.memory_within(megabytes=60), ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(post, range(8)))

    assert statuses == {TOO_LARGE}


def test_a_signed_body_of_700_000_keys_is_not_even_parsed(deployment: Site) -> None:
    body = b"{" + b",".join(b'"%d":0' % n for n in range(700_000)) + b"}"

    with deployment.memory_within(megabytes=60):
        reply = deployment.answer(body)

    assert reply.status_code == TOO_LARGE


@pytest.mark.parametrize("route", ["/orders", "/questions"])
def test_a_cursor_of_an_impossible_instant_spoils_no_connection(
    deployment: Site, route: str
) -> None:
    replies = [deployment.call(MALLORY, "GET", f"{route}?cursor={CURSOR}") for _ in range(5)]

    assert {each.status_code for each in replies} == {UNPROCESSABLE}


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_an_answer_of_an_impossible_instant_spoils_no_connection(deployment: Site, at: str) -> None:
    body = answer_body(uuid.uuid4(), answered_at=at)

    assert {deployment.answer(body).status_code for _ in range(5)} == {UNPROCESSABLE}


@pytest.mark.parametrize(
    "override",
    [
        {"max_spread_pct": "1e-200000000"},
        {"rules": [RULE | {"max_price_drift_pct": "1e-20000"}]},
        {"guardrails": {"max_notional_usd_per_4h": "9" * 60_000}},
        {"data_inputs": [HISTORY], "rules": HEAVY},
        {"data_inputs": BAD["too many requests"]["data_inputs"]},
    ],
)
def test_a_config_that_would_cost_others_is_refused(
    deployment: Site, override: dict[str, Any]
) -> None:
    with deployment.memory_within(megabytes=60):
        reply = deployment.put(MALLORY, override)

    assert reply.status_code == UNPROCESSABLE
    assert len(reply.content) < 64 * 1024


@pytest.mark.parametrize("kind", BAD)
def test_one_that_is_stored_already_costs_its_owner_alone(deployment: Site, kind: str) -> None:
    bad, good = f"bad: {kind}", f"good: {kind}"
    store(deployment.db, bad, BAD[kind])
    store(deployment.db, good, {"rules": [RULE]})

    began = time.monotonic()
    with deployment.memory_within(megabytes=60):
        deployment.tick()

    assert time.monotonic() - began < 7 * SECOND  # one of them took 8 s of a processor
    assert deployment.questions(good)
    assert not deployment.questions(bad)
    assert rows(deployment.db, "SELECT 1 FROM set_aside_configs")
    store(deployment.db, bad, {"enabled": False})


@pytest.mark.parametrize("depth", [65, 2000, 30_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_nested_body_is_refused_wherever_it_goes(
    deployment: Site, opening: bytes, depth: int
) -> None:
    body = (opening * depth)[: 64 * 1024]
    closed = body + b"1" + (b"]" if opening == b"[" else b"}") * depth

    for each in (body, closed[: 64 * 1024]):
        assert deployment.put(MALLORY, each).status_code == UNPROCESSABLE
        assert deployment.answer(each).status_code == UNPROCESSABLE
        assert deployment.http.post("/push_snapshot", content=each).status_code == UNPROCESSABLE


HEADERS: tuple[dict[str, str], ...] = (
    {"x-cloud-trace-context": "0" * 32 + "/" + "9" * 4301},
    {"traceparent": "00-" + "0" * 4000},
    {"authorization": "Bearer " + "a" * 8000},
    {"authorization": "Bearer x.y.z"},
    {"authorization": "Basic eDp5"},
    {"authorization": "bearer"},
    {"content-type": "\x80" * 100},
    {"x-forwarded-for": "," * 4000},
    {"origin": "null", "access-control-request-method": "\x80"},
    {"content-encoding": "gzip"},
    {"expect": "100-continue"},
)


def test_no_header_is_an_error_of_ours(deployment: Site) -> None:
    for headers in HEADERS:
        raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        for method, path in HEADED:
            reply = deployment.http.request(method, path, headers=raw)

            assert reply.status_code in {400, UNAUTHORIZED, UNPROCESSABLE}, (headers, reply.text)


HEADED = (("GET", f"{API}/status"), ("POST", "/answer"), ("PUT", f"{API}/config"))


FRAMINGS = (
    b"Content-Length: -1",
    b"Content-Length: +1",
    b"Content-Length: 1, 2",
    b"Content-Length: 3\r\nContent-Length: 4",
    b"Content-Length: 3\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Content-Length: " + b"9" * 5000,
    b" folded: line",
    b"a" * 20_000 + b": 1",
    b"no colon",
)


def test_no_framing_lets_one_request_hide_in_another(deployment: Site) -> None:
    """Where a request ends is known, or it is refused: what follows it is never a request."""
    opening = b"POST /answer HTTP/1.1\r\nHost: x\r\n"
    hidden = b"\r\n\r\nPOST /relay_outbox HTTP/1.1\r\nHost: x\r\n\r\n"
    clear = exchanged(deployment, opening + b"Content-Length: 0" + hidden)
    assert statuses_of(clear) == [UNAUTHORIZED, OK]

    for framing in FRAMINGS:
        statuses = statuses_of(exchanged(deployment, opening + framing + hidden))

        assert len(statuses) <= 1, framing
        assert not {OK, SERVER_ERROR} & set(statuses), framing


BROKEN = (b"zz\r\n", b"5\r\nab", b"5\r\nabcdefgh", b"-1\r\n", b"1;" + b"a" * 9000, b"0\r\nx")


def test_a_body_in_broken_chunks_is_the_callers_fault(deployment: Site) -> None:
    opening = b"POST /answer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    for body in BROKEN:
        assert statuses_of(exchanged(deployment, opening + body)) in ([], [400]), body


@pytest.mark.parametrize("broken", [b"zz\r\n", b"5\r\nabcdefgh", b"-1\r\n"])
def test_after_a_body_in_broken_chunks_no_further_request_is_taken(
    deployment: Site, broken: bytes
) -> None:
    """Nobody can tell where the next one begins."""
    opening = b"POST /answer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    another = b"POST /relay_outbox HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    with connected(deployment) as connection:
        connection.sendall(opening + broken)

        assert statuses_of(answered_then_sent(connection, another)) == [400]


def test_what_comes_of_a_body_after_its_time_is_no_request(deployment: Site) -> None:
    hidden = b"POST /relay_outbox HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    framings = (b"Content-Length: %d" % (len(hidden) + 1), b"Transfer-Encoding: chunked")
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(deployment)) for _ in framings]
        for connection, framing in zip(slow, framings, strict=True):
            connection.sendall(b"POST /answer HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n\r\n1")

        for connection in slow:
            assert statuses_of(answered_then_sent(connection, hidden)) == [TOO_LATE]


@pytest.mark.parametrize("framing", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
def test_slow_bodies_of_one_address_keep_no_thread_from_the_others(
    deployment: Site, honest: Callable[[], None], framing: bytes
) -> None:
    opening = b"POST /answer HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n\r\n1"
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(deployment)) for _ in range(2 * THREADS)]
        for each in slow:
            each.sendall(opening)

        honest()

        late = select.select(slow, [], [], 0)[0]
        assert {statuses_of(each.recv(65536))[0] for each in late} == {TOO_LATE}


def exchanged(deployment: Site, sent: bytes) -> bytes:
    """Send bytes, and read until the server hangs up."""
    with connected(deployment) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def answered_then_sent(connection: socket.socket, more: bytes) -> bytes:
    """Wait for an answer, send more, and read until the server hangs up."""
    replies = connection.recv(65536)
    with suppress(OSError):  # it has hung up already
        connection.sendall(more)
        replies += b"".join(iter(lambda: connection.recv(65536), b""))
    return replies


def connected(deployment: Site) -> socket.socket:
    url = httpx.URL(deployment.server.url)
    return socket.create_connection((url.host, url.port or 80), timeout=120)


def statuses_of(replies: bytes) -> list[int]:
    return [int(each) for each in re.findall(rb"HTTP/1.1 (\d{3}) ", replies)]


def test_no_token_of_any_shape_is_an_error_of_ours(deployment: Site) -> None:
    header, claims, signature = Account(deployment.key_file, MALLORY).token().split(".")
    heads = [
        *(b"[" * 5500, b'{"a":' * 900, b"1" * 5000, b"\xff\xfe", b"null", b'"x"', b'{"alg": NaN}'),
        *(json.dumps({"alg": each, "kid": "x"}).encode() for each in ALGORITHMS),
        *(json.dumps({"alg": "RS256", "kid": each}).encode() for each in KEYS),
        b'{"alg":"RS256","kid":"x","crit":["b64"],"b64":false}',
        b'{"alg":"RS256","kid":"x","jku":"http://127.0.0.1:1/"}',
    ]
    tokens = [
        *(
            f"{base64.urlsafe_b64encode(each).decode().rstrip('=')}.{claims}.{signature}"
            for each in heads
        ),
        *("a", "..", "a.b.c.d", f"{header}=.{claims}.{signature}", f"{header}.{claims}."),
        f"{header}.{claims}.{'A' * 7000}",
    ]

    for token in tokens:
        reply = deployment.http.get(f"{API}/status", headers={"authorization": f"Bearer {token}"})

        assert reply.status_code == UNAUTHORIZED, token[:100]


def unpadded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


ALGORITHMS: tuple[Any, ...] = ("none", ["RS256"], {}, None)
KEYS: tuple[Any, ...] = (1, [], None, "a" * 3000)
QUERIES = (
    *("limit=" + each for each in ("9" * 3000, "1e1", "%EF%BC%91", "0", "-1", "101", "%00", "")),
    *("cursor=" + each for each in ("A" * 3000, "%00", "%ff", "..")),
    *("status=" + each for each in ("%00", "pending%00", "PENDING", "'%20OR%201=1")),
    *("LIMIT=1", "limit[]=1", "=1", ";", "a=%ff", "&".join(f"k{n}=1" for n in range(300))),
)


def test_no_query_is_an_error_of_ours(deployment: Site) -> None:
    for query in QUERIES:
        reply = deployment.call(MALLORY, "GET", f"/orders?{query}")

        assert reply.status_code == UNPROCESSABLE, query


@pytest.mark.parametrize("host", ["evil.example.com", "evil.example.com:1", "[::1", "a@b"])
def test_no_host_is_believed(deployment: Site, host: str) -> None:
    reply = deployment.call(MALLORY, "GET", "/config", headers={"host": host})
    astray = deployment.call(MALLORY, "GET", "/nowhere", headers={"host": host})

    assert (reply.status_code, astray.status_code) == (OK, NOT_FOUND)
    assert "evil" not in str(reply.headers) + reply.text + str(astray.headers) + astray.text


@pytest.mark.parametrize(
    "method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]
)
def test_other_methods_are_not_allowed(deployment: Site, method: str) -> None:
    for name in POSTED:
        reply = deployment.http.request(method, f"/{name}")

        assert (reply.status_code, reply.headers["allow"]) == (NOT_ALLOWED, "POST")
    if method not in {"GET", "PUT", "OPTIONS"}:
        reply = deployment.call(MALLORY, method, "/config")

        assert reply.status_code == NOT_ALLOWED
        assert {"GET", "PUT"} <= set(reply.headers["allow"].split(", "))


@pytest.mark.parametrize(
    "beside", ["v2,abc", "v1a,abc", "nonsense", "v1,not base64", ",", "v1,a,b"]
)
def test_a_strange_signature_voids_no_good_one_beside_it(deployment: Site, beside: str) -> None:
    body = answer_body(uuid.uuid4())

    assert deployment.answer(body, **signed(body, beside)).status_code == NOT_FOUND
    assert deployment.answer(body, **signed(body, beside, secret=OTHER)).status_code == UNAUTHORIZED


OTHER = "whsec_" + base64.b64encode(b"another secret of the same size!").decode()


def test_an_answer_has_one_spelling(deployment: Site) -> None:
    question = min(deployment.questions("ann"))
    body = answer_body(question, firebase_uid="ann")
    spoiled = [
        body[:-1] + b', "answer": -10}',
        *(answer_body(question, firebase_uid="ann", answer=each) for each in STRANGE_TENS),
        answer_body(question, firebase_uid="ann", answer=10, order_id=str(question)),
        answer_body(str(question).upper().replace("-", "\uff0d"), firebase_uid="ann"),
        json.dumps(["answer", 10]).encode(),
    ]

    assert [deployment.answer(each).status_code for each in spoiled] == [UNPROCESSABLE] * len(
        spoiled
    )
    assert deployment.answer(answer_body(question, firebase_uid="bob")).status_code == FORBIDDEN


STRANGE_TENS: tuple[Any, ...] = ("10", "\uff11\uff10", True, [10], "1e1", None, {"$gt": 5}, 10**400)


def test_no_text_that_a_terminal_obeys_is_stored(deployment: Site) -> None:
    for text in ("\x1b[2Jgone", "a\nb", "\u202egnorw", "\x00", "\ud800"):
        reply = deployment.put(MALLORY, {"rules": [RULE | {"question_template": text}]})

        assert reply.status_code == UNPROCESSABLE
        assert "\x1b" not in reply.text


def test_nobody_enrolls_or_reads_without_being_let_in(deployment: Site) -> None:
    assert deployment.put("stranger", {}).status_code == FORBIDDEN
    assert deployment.answer(answer_body(uuid.uuid4()), **NO_SIGNATURE).status_code == UNAUTHORIZED
    assert deployment.http.get(f"{API}/orders").status_code == UNAUTHORIZED
    assert rows(deployment.db, "SELECT 1 FROM users WHERE firebase_uid = 'stranger'") == []


NO_SIGNATURE = {"webhook-id": "m", "webhook-timestamp": str(int(NOON.timestamp()))}
assert WEBHOOK_SECRET != OTHER
