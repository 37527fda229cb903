"""Our client of the dashboard, against the receiver that checks as the real one does."""

import hashlib
import hmac
import json
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from email.utils import format_datetime

import flask
import pytest

from common.errors import PermanentError, TradingError, TransientError
from infra.dashboard.api import DashboardApi
from infra.local.dashboard.receiver import ENDPOINT, MAX_BODY_BYTES, DashboardReceiver
from infra.local.serving import HttpServer
from infra.runtime.clock import SystemClock
from tests.contract.dashboard.dashboard_support import (
    DATE,
    SECRET,
    TOKEN,
    counts,
    snapshot,
    written,
)

BODY = written(snapshot())


@pytest.fixture
def dashboard() -> Iterator[DashboardReceiver]:
    receiver = DashboardReceiver(None, TOKEN, SECRET)
    yield receiver
    receiver.close()


@pytest.fixture
def dashboard_url(dashboard: DashboardReceiver) -> Iterator[str]:
    with HttpServer(dashboard.app) as server:
        yield server.url


@pytest.fixture
def api(dashboard_url: str) -> Iterator[DashboardApi]:
    with client(dashboard_url) as api:
        yield api


@contextmanager
def client(
    url: str,
    token: str = TOKEN,
    secret: str = SECRET,
    attempts: int = 3,
    deadline_seconds: float = 60,
) -> Iterator[DashboardApi]:
    made = DashboardApi(
        url,
        ENDPOINT,
        token,
        secret,
        attempts=attempts,
        deadline_seconds=deadline_seconds,
        longest_wait_seconds=0.01,
    )
    with closing(made) as api:
        yield api


@contextmanager
def answering(*replies: Callable[[], flask.Response]) -> Iterator[tuple[str, list[flask.Request]]]:
    """Serve these answers in turn, the last one for ever; yield the URL and what was asked."""
    app = flask.Flask(__name__)
    asked: list[flask.Request] = []

    @app.before_request
    def answer() -> flask.Response:
        flask.request.get_data()
        asked.append(flask.request._get_current_object())  # type: ignore[attr-defined]
        return replies[min(len(asked), len(replies)) - 1]()

    with HttpServer(app) as server:
        yield server.url, asked


def statuses(dashboard: DashboardReceiver) -> list[int]:
    return [each.status for each in dashboard.received]


def test_a_snapshot_is_stored_and_its_request_id_returned(
    dashboard: DashboardReceiver, api: DashboardApi
) -> None:
    request_id = api.post(BODY)

    assert request_id is not None
    assert len(request_id) == 32
    assert counts(dashboard) == (2, 2, 1, 1)
    assert [each.signature_verified for each in dashboard.received] == [True]


def test_the_same_day_again_replaces_it(dashboard: DashboardReceiver, api: DashboardApi) -> None:
    api.post(BODY)
    api.post(written(snapshot(headline="Once more")))

    day = dashboard.day(DATE)
    assert day is not None
    assert day.headline == "Once more"
    assert statuses(dashboard) == [200, 200]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(snapshot(), indent=2).encode(),
        json.dumps(snapshot(summary="größer als ✓"), ensure_ascii=False).encode(),
        b" \n" + BODY + b"\r\n",
    ],
)
def test_the_signature_is_over_the_very_bytes_that_are_sent(
    dashboard: DashboardReceiver, api: DashboardApi, body: bytes
) -> None:
    api.post(body)

    assert [(each.status, each.body_bytes) for each in dashboard.received] == [(200, len(body))]


def test_what_goes_over_the_wire_is_the_body_and_its_signature() -> None:
    body = b"\x00\xff not even JSON"

    with answering(flask.Response) as (url, asked), client(url) as api:
        api.post(body)

    [request] = asked
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert (request.method, request.path, request.get_data()) == ("POST", ENDPOINT, body)
    assert request.headers["X-Signature"] == signature
    assert request.headers["X-Internal-Token"] == TOKEN
    assert request.headers["Content-Type"] == "application/json"
    assert SECRET not in str(request.headers)


@pytest.mark.parametrize(
    ("token", "secret", "says"),
    [("wrong", SECRET, "Forbidden"), (TOKEN, "wrong", "Invalid signature")],
)
def test_wrong_credentials_are_refused_at_once(
    dashboard: DashboardReceiver, dashboard_url: str, token: str, secret: str, says: str
) -> None:
    with client(dashboard_url, token, secret) as api, pytest.raises(PermanentError, match=says):
        api.post(BODY)

    assert statuses(dashboard) == [403]
    assert dashboard.day(DATE) is None


@pytest.mark.parametrize(
    ("body", "status"), [(b"not JSON", 400), (b" " * (MAX_BODY_BYTES + 1), 413)]
)
def test_a_body_that_is_refused_is_not_sent_again(
    dashboard: DashboardReceiver, api: DashboardApi, body: bytes, status: int
) -> None:
    with pytest.raises(PermanentError, match=f"dashboard answered {status}"):
        api.post(body)

    assert statuses(dashboard) == [status]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_trouble_that_passes_is_survived(
    dashboard: DashboardReceiver, api: DashboardApi, status: int
) -> None:
    dashboard.fail_next(status, times=2)

    request_id = api.post(BODY)

    assert request_id is not None
    assert statuses(dashboard) == [status, status, 200]
    assert counts(dashboard) == (2, 2, 1, 1)


def test_trouble_that_stays_is_transient_after_all_attempts(
    dashboard: DashboardReceiver, api: DashboardApi
) -> None:
    dashboard.fail_next(503, times=9)

    with pytest.raises(TransientError, match=r"dashboard answered 503: .*Injected fault"):
        api.post(BODY)

    assert statuses(dashboard) == [503] * 3


def test_each_post_has_all_its_attempts(dashboard: DashboardReceiver, api: DashboardApi) -> None:
    for _ in range(2):
        dashboard.fail_next(500, times=2)
        api.post(BODY)

    assert statuses(dashboard) == [500, 500, 200] * 2


def in_two_seconds() -> str:
    return format_datetime(SystemClock().now() + timedelta(seconds=2), usegmt=True)


def busy_then_fine(retry_after: Callable[[], str]) -> list[Callable[[], flask.Response]]:
    def busy() -> flask.Response:
        return flask.Response("busy", 429, {"Retry-After": retry_after()})

    return [busy, flask.Response]


@pytest.mark.parametrize("retry_after", [lambda: "1", in_two_seconds])
def test_a_retry_after_of_the_dashboard_is_waited_for(retry_after: Callable[[], str]) -> None:
    with answering(*busy_then_fine(retry_after)) as (url, asked), client(url) as api:
        begin = time.monotonic()
        api.post(BODY)

    assert time.monotonic() - begin > 0.9
    assert len(asked) == 2


@pytest.mark.parametrize(
    "unclear",
    [
        "",
        "-5",
        "soon",
        "Tue, 10 Feb 1998 21:00:00 GMT",
        "Tue, 10 Feb 2998 23:00:00 -0000",  # as of no known zone
    ],
)
def test_an_unreadable_retry_after_delays_nothing(unclear: str) -> None:
    with answering(*busy_then_fine(lambda: unclear)) as (url, asked), client(url) as api:
        begin = time.monotonic()
        api.post(BODY)

    assert time.monotonic() - begin < 5
    assert len(asked) == 2


def test_a_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    asks = busy_then_fine(lambda: "3600")

    with (
        answering(*asks) as (url, asked),
        client(url) as api,
        pytest.raises(TransientError, match="dashboard answered 429"),
    ):
        api.post(BODY)

    assert len(asked) == 1


def test_a_dashboard_that_never_answers_is_given_up_at_the_deadline(
    dashboard: DashboardReceiver, dashboard_url: str
) -> None:
    dashboard.slow_next(1.5, times=9)
    begin = time.monotonic()

    with (
        client(dashboard_url, attempts=99, deadline_seconds=0.5) as api,
        pytest.raises(TransientError, match="broke off"),
    ):
        api.post(BODY)

    assert time.monotonic() - begin < 1.4


def test_trouble_until_the_deadline_is_the_last_error(
    dashboard: DashboardReceiver, dashboard_url: str
) -> None:
    dashboard.fail_next(503, times=999)

    with (
        client(dashboard_url, attempts=999, deadline_seconds=0.5) as api,
        pytest.raises(TransientError, match="503"),
    ):
        api.post(BODY)

    assert len(dashboard.received) > 3


@pytest.mark.parametrize("stored", [False, True])
def test_a_dropped_connection_is_sent_again_whether_the_day_was_stored_or_not(
    dashboard: DashboardReceiver, api: DashboardApi, *, stored: bool
) -> None:
    dashboard.drop_next(stored=stored)

    request_id = api.post(BODY)

    assert request_id is not None
    assert len(dashboard.received) == 2
    assert counts(dashboard) == (2, 2, 1, 1)


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_dashboard_that_cannot_be_reached_is_transient(attempts: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    with (
        client(f"http://127.0.0.1:{port}", attempts=attempts) as api,
        pytest.raises(TransientError, match="the dashboard cannot be reached"),
    ):
        api.post(BODY)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 405, 422])
def test_any_other_refusal_is_permanent_and_not_repeated(status: int) -> None:
    def refuse() -> flask.Response:
        return flask.Response("no", status, {"Location": "/elsewhere"})

    with (
        answering(refuse) as (url, asked),
        client(url) as api,
        pytest.raises(PermanentError, match=f"dashboard answered {status}"),
    ):
        api.post(BODY)

    assert len(asked) == 1


def test_an_error_page_is_quoted_only_by_its_beginning() -> None:
    with (
        answering(lambda: flask.Response("<p>" * 10_000, 404)) as (url, _),
        client(url) as api,
        pytest.raises(PermanentError) as refused,
    ):
        api.post(BODY)

    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("body", "header", "request_id"),
    [
        ('{"request_id": "from the body"}', None, "from the body"),
        ('{"request_id": "from the body"}', "from the header", "from the header"),
        ("<html>accepted</html>", "from the header", "from the header"),
        ("<html>accepted</html>", None, None),
        ('{"ok": true}', None, None),
        ("", None, None),
    ],
)
def test_a_success_is_one_with_or_without_a_request_id(
    body: str, header: str | None, request_id: str | None
) -> None:
    def accept() -> flask.Response:
        return flask.Response(body, 200, {"X-Request-Id": header} if header else {})

    with answering(accept) as (url, asked), client(url) as api:
        assert api.post(BODY) == request_id

    assert len(asked) == 1


@pytest.mark.parametrize("status", [302, 403, 500])
def test_no_credential_is_in_any_error(status: int) -> None:
    token, secret = "t0ken-value", "s3cret-value"

    with (
        answering(lambda: flask.Response("no", status)) as (url, _),
        client(url, token, secret) as api,
        pytest.raises(TradingError) as raised,
    ):
        api.post(BODY)

    text = "".join(traceback.format_exception(raised.value))
    assert token not in text
    assert secret not in text
