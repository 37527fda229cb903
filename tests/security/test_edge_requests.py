"""What callers send to the functions is bounded, has one meaning, and is never our own fault."""

import base64
import hashlib
import hmac
import io
import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from common.errors import TransientError
from functions import pubsub, wiring
from infra.local.stack import WEBHOOK_SECRET
from infra.postgres.database import Database
from infra.runtime.clock import SystemClock
from tests.conftest import NOON, function, rows
from tests.functions.steps import asked

LARGEST_BODY = 64 * 1024  # bytes, said here once more: nobody raises it by the way
ORDER = "00000000-0000-4000-8000-000000000007"
EVENT_FUNCTIONS = ("evaluate", "submit_order")
POSTED = ("ingest", "answer", "reconcile_orders", "relay_outbox", "push_snapshot", *EVENT_FUNCTIONS)


def signed(body: bytes, *more: str, secret: str = WEBHOOK_SECRET, **changed: str) -> dict[str, str]:
    """Return the headers of a webhook; `more` are signature items beside the good one."""
    stamp = str(int(SystemClock().now().timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"m1.{stamp}.".encode() + body, hashlib.sha256)
    good = f"v1,{base64.b64encode(digest).decode()}"
    headers = {"webhook-id": "m1", "webhook-timestamp": stamp}
    return headers | {"webhook-signature": " ".join([*more, good])} | changed


def answer(body: bytes, **headers: str) -> TestResponse:
    return function("answer").post("/", data=body, headers=headers or signed(body))


def answer_body(question_id: object = ORDER, **changes: object) -> bytes:
    body = {
        "question_id": str(question_id),
        "firebase_uid": "user-1",
        "answer": 10,
        "answered_at": NOON.isoformat(),
    }
    return json.dumps(body | changes).encode()


@pytest.mark.usefixtures("environment")
class TestSignedBodies:
    @pytest.mark.parametrize(
        "body",
        [b'{"question_id":"\xe9"}', b"no JSON", b"", b"[1]", '{"a": 1}'.encode("utf-16"), b"\xff"],
    )
    def test_one_that_is_rightly_signed_and_cannot_be_read_is_malformed(self, body: bytes) -> None:
        assert answer(body).status_code == 422

    def test_one_that_is_wrongly_signed_is_refused_whatever_its_bytes(self) -> None:
        headers = signed(b"other")

        assert answer(b"\xff", **headers).status_code == 401

    @pytest.mark.parametrize(
        "changes",
        [
            {"answer": "10"},
            {"answer": "\uff11\uff10"},
            {"answer": True},
            {"answer": None},
            {"answer": [10]},
        ],
    )
    def test_only_a_number_is_an_answer(self, changes: dict[str, object]) -> None:
        reply = answer(answer_body(**changes))

        assert reply.status_code == 422
        assert "answer" in reply.get_json()["error"]["message"]

    def test_a_key_that_stands_twice_counts_for_nothing(self, db: Database, user: str) -> None:
        question_id = asked(db)
        body = answer_body(question_id)[:-1] + b', "answer": -10}'

        assert answer(body).status_code == 422
        assert rows(db, "SELECT status FROM confirmations")[0]["status"] == "pending"
        assert user == "user-1"


@pytest.mark.usefixtures("user", "environment")
class TestSignatures:
    @pytest.mark.parametrize(
        "beside",
        [
            "v2,abc",
            "v1a,abc",
            "nonsense",
            "v1,not base64",
            "v1",
            "v1,",
            ",",
            "v1,a,b",
            "",
            "v1,AAAA",
        ],
    )
    def test_an_unknown_item_voids_no_good_one_beside_it(self, db: Database, beside: str) -> None:
        body = answer_body(asked(db))

        assert answer(body, **signed(body, beside)).status_code == 200

    @pytest.mark.parametrize(
        "stamp",
        ["", "1e9", "\uff11\uff17", " 1", "-1", "9" * 40, "nan", "inf", "0x10"],
    )
    def test_a_timestamp_is_plain_digits(self, stamp: str) -> None:
        body = answer_body()

        headers = signed(body) | {"webhook-timestamp": stamp}
        headers = {name: value.encode().decode("latin-1") for name, value in headers.items()}

        assert answer(body, **headers).status_code == 401

    def test_many_items_cost_no_more_than_a_few(self) -> None:
        body = answer_body()

        headers = signed(body, *["v1,AAAA"] * 500)

        assert answer(body, **headers).status_code == 401


class TestOurOwnFaults:
    @pytest.mark.parametrize(
        "secret",
        [
            "\ufeff" + WEBHOOK_SECRET,
            WEBHOOK_SECRET[:-3],
            "whsec_###",
            "whsec_",
            "whsec_ab",
            "whsec_" + base64.b64encode(b"x" * 23).decode(),
            WEBHOOK_SECRET.removeprefix("whsec_"),
        ],
    )
    def test_a_damaged_or_weak_webhook_secret_is_named_and_is_a_500(
        self, environment: pytest.MonkeyPatch, secret: str
    ) -> None:
        environment.setenv("ANSWER_WEBHOOK_SECRET", secret)
        wiring.reset()

        reply = answer(answer_body())

        assert reply.status_code == 500
        assert "ANSWER_WEBHOOK_SECRET" in reply.text
        assert secret.removeprefix("whsec_") not in reply.text or secret == "whsec_"

    @pytest.mark.parametrize("name", ["INTERNAL_TOKEN", "SIGNING_SECRET"])
    def test_a_short_secret_is_refused_at_the_start(
        self, environment: pytest.MonkeyPatch, name: str
    ) -> None:
        environment.setenv(name, "a" * 15)
        wiring.reset()

        reply = function("ingest").post("/")

        assert reply.status_code == 500
        assert name in reply.get_json()["error"]["message"]

    def test_a_bug_says_nothing_to_the_caller(
        self, environment: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def broken(*_: object) -> None:
            raise LookupError("postgresql://user:password@host")

        environment.setattr("functions.answer.take_answer", broken)

        reply = answer(answer_body())

        assert (reply.status_code, reply.get_json()["error"]["code"]) == (500, "internal")
        assert "password" not in reply.text
        logged = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        assert ["LookupError" in each["stack_trace"] for each in logged if "stack_trace" in each]

    def test_an_error_of_ours_contains_no_secret_either(
        self, environment: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise TransientError("postgresql://user:hunter2@host cannot be reached")

        environment.setattr("functions.answer.take_answer", broken)

        reply = answer(answer_body())

        assert reply.status_code == 503
        assert "cannot be reached" in reply.get_json()["error"]["message"]
        assert "hunter2" not in reply.text


@pytest.mark.usefixtures("environment")
class TestMethodsAndHeaders:
    @pytest.mark.parametrize("name", POSTED)
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
    def test_a_function_is_posted_to(self, name: str, method: str) -> None:
        reply = function(name).open("/", method=method)

        assert reply.status_code == 405
        assert reply.headers["Allow"] == "POST"
        assert reply.get_json()["error"]["code"] == "method_not_allowed"

    @pytest.mark.parametrize(
        "header",
        [
            "0" * 32 + "/" + "1" * 4301,
            "0" * 32 + "/" + "9" * 20 + ";o=1",
            "0" * 32 + "/\uff11\uff12",
            "a/b",
        ],
    )
    def test_no_trace_header_is_an_error(self, header: str) -> None:
        headers = {"X-Cloud-Trace-Context": header.encode().decode("latin-1")}

        assert function("answer").post("/", headers=headers).status_code == 401


class Endless(io.RawIOBase):
    """A body that never ends, and says how much of it was read."""

    read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.read_bytes > 2**30:
            raise OSError("it is read without an end")
        self.read_bytes += len(buffer)
        return len(buffer)


@pytest.mark.usefixtures("environment")
class TestBodies:
    @pytest.mark.parametrize("name", [*POSTED, "account_api"])
    def test_one_that_is_too_large_is_refused_and_not_kept_in_memory(self, name: str) -> None:
        reply = function(name).post("/", data=b"a" * (LARGEST_BODY + 1))

        assert (reply.status_code, reply.request.environ["wsgi.input"].read()) == (413, b"")

    def test_one_without_an_end_is_left_after_a_while(self) -> None:
        endless = Endless()

        reply = function("answer").post(
            "/", environ_overrides={"wsgi.input": endless, "CONTENT_LENGTH": str(10**12)}
        )

        assert reply.status_code == 413
        assert endless.read_bytes <= 65 * 1024 * 1024

    def test_a_signed_one_of_very_many_keys_is_not_even_parsed(self) -> None:
        body = b"{" + b",".join(b'"%d":0' % n for n in range(700_000)) + b"}"

        assert answer(body).status_code == 413

    def test_one_of_the_largest_size_is_read(self) -> None:
        body = b" " * LARGEST_BODY

        assert answer(body).status_code == 422


def push_body(**message: Any) -> bytes:
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


KNOWN = base64.b64encode(json.dumps({"order_id": ORDER}).encode()).decode()


@pytest.mark.usefixtures("environment")
class TestPushes:
    @pytest.fixture(params=EVENT_FUNCTIONS)
    def name(self, request: pytest.FixtureRequest) -> str:
        name: str = request.param
        return name

    @pytest.mark.parametrize(
        ("body", "message_id", "ordering_key"),
        [
            (push_body(messageId="1", attributes={"a": "b"}, orderingKey="u"), "1", "u"),
            (push_body(message_id="2", attributes={"message_id": "ours"}), "ours", ""),
            (push_body(messageId="3", data="bm8gSlNPTg=="), "3", ""),
            (push_body(messageId="4", data="no base64", orderingKey="u"), None, ""),
            (push_body(messageId=5, data=KNOWN), None, ""),
            (b'{"message": "text"}', None, ""),
            (b'{"message": [1]}', None, ""),
            (b'{"message": null}', None, ""),
            (b"[1]", None, ""),
            (b"", None, ""),
            (b"\xff\x00", None, ""),
            (push_body(messageId="a\x00b\ud800", data="AA=="), "a\ufffdb?", ""),
        ],
    )
    def test_what_no_retry_can_help_is_kept_once_and_acknowledged(
        self, db: Database, name: str, body: bytes, message_id: str | None, ordering_key: str
    ) -> None:
        statuses = [function(name).post("/", data=body).status_code for _ in range(2)]

        [kept] = rows(db, "SELECT message_id, ordering_key FROM dead_letters")
        assert statuses == [200, 200]
        assert kept["ordering_key"] == ordering_key
        assert message_id in {kept["message_id"], None}

    def test_a_cloud_event_in_either_mode_is_the_same_message(self, db: Database) -> None:
        event = {"specversion": "1.0", "id": "7", "type": "t", "source": "//s"}
        envelope = json.loads(push_body(messageId="7", orderingKey="u", data=KNOWN))
        modes = [
            (json.dumps(envelope).encode(), {f"ce-{name}": value for name, value in event.items()}),
            (
                json.dumps(event | {"data": envelope}).encode(),
                {"content-type": "application/cloudevents+json"},
            ),
        ]

        for body, headers in modes:
            assert pubsub.unwrap(body).message_id == "7"
            reply = function("submit_order").post("/", data=body, headers=headers)
            assert reply.status_code == 200
        assert rows(db, "SELECT message_id, ordering_key FROM dead_letters") == [
            {"message_id": "7", "ordering_key": "u"}
        ]

    def test_a_database_that_is_away_is_try_again_without_a_traceback(
        self,
        environment: pytest.MonkeyPatch,
        name: str,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        environment.setenv("DATABASE_URL", "postgresql://u@127.0.0.1:1/x?sslmode=disable")
        wiring.reset()
        stored = base64.b64encode(b'{"ingested_at":"2026-02-10T17:00:00Z","stored":1}').decode()
        body = push_body(messageId="1", data=KNOWN if name == "submit_order" else stored)

        reply = function(name).post("/", data=body)

        assert (reply.status_code, reply.get_json()["error"]["code"]) == (503, "try_again")
        assert "Traceback" not in capfd.readouterr().err
