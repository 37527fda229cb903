"""The console as it is deployed: it reads, turns the kill switch, and does nothing else."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from functions import wiring
from functions.pages import files
from infra.auth.receipt_signature import verified
from infra.local.key_files import make_receipt_key
from infra.postgres.database import Database
from tests.conftest import enroll, function, rows
from tests.functions.steps import approved, tick

STATIC = Path(files.__file__).with_name("static")
PAGES = ("", "questions", "orders", "rules", "market", "kpis", "operate")
HOME = "http://localhost"
NO_ID = "00000000-0000-4000-8000-000000000000"

pytestmark = pytest.mark.usefixtures("environment", "user")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_shown_and_lets_nothing_of_another_host_in(page: str) -> None:
    reply = function("console").get(f"/{page}")

    assert reply.status_code == 200
    assert "<h1>" in reply.text
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert "unsafe" not in reply.headers["Content-Security-Policy"]
    assert not re.search(r"(src|href)=\"(https?:)?//", reply.text)


def test_today_names_the_session_and_the_next_one() -> None:
    tick()

    shown = function("console").get("/").text

    day = r"\w{3} \d+ \w{3}"
    assert re.search(rf"closes {day}, 16:00; the next opens {day}, 09:30", shown)


@pytest.mark.parametrize(
    "path",
    [
        "/rules/config",
        "/operate/dead-letters",
        "/simulator/pause",
        "/simulator/price",
        "/simulator/kill",
    ],
)
def test_what_is_local_is_not_there(path: str) -> None:
    form = {"answer": "10", "user": "user-1", "config": "{}", "id": "1"}

    assert function("console").post(path, data=form).status_code == 404


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("simulator/run", {"speed": "1e400"}),
        ("simulator/run", {"speed": "1000000"}),
        ("simulator/run", {"speed": "nan"}),
        ("simulator/price", {"symbol": "SPY", "last": "1e-20000"}),
        ("simulator/price", {"symbol": "SPY", "last": "sNaN"}),
        (f"questions/{NO_ID}/answer", {"user": "user-1", "answer": "NaN"}),
        (f"questions/{NO_ID}/answer", {"user": "user-1", "answer": "1e-20000"}),
    ],
)
def test_a_number_out_of_bounds_is_the_visitors_mistake(
    environment: pytest.MonkeyPatch, path: str, form: dict[str, str]
) -> None:
    environment.setenv("APP_BACKEND_URL", "http://127.0.0.1:9")
    wiring.reset()

    assert function("console").post(f"/{path}", data=form).status_code == 400


def test_nobody_answers_for_a_user(db: Database) -> None:
    tick()
    (question,) = rows(db, "SELECT question_id FROM confirmations WHERE status = 'pending'")

    reply = function("console").post(
        f"/questions/{question['question_id']}/answer", data={"answer": "10"}
    )

    assert reply.status_code == 404
    assert rows(db, "SELECT 1 FROM confirmations WHERE status = 'pending'")


def test_the_switch_is_turned_with_a_reason_and_by_whom(db: Database) -> None:
    form = {"state": "halted", "why": "a drill"}
    email = {"X-Goog-Authenticated-User-Email": "accounts.google.com:ann@example.com"}

    reply = function("console").post("/operate/switch", data=form, headers=email)

    (switch,) = rows(db, "SELECT scope, state, reason, set_by FROM trading_controls")
    assert "Halted: all trading." in reply.text
    assert switch == {
        "scope": "*",
        "state": "halted",
        "reason": "a drill",
        "set_by": "console (ann@example.com)",
    }


def test_nobody_is_halted_who_does_not_exist(db: Database) -> None:
    form = {"state": "halted", "why": "a drill", "user": "nobdoy"}

    reply = function("console").post("/operate/switch", data=form)

    assert reply.status_code == 422
    assert "there is no user nobdoy" in reply.text
    assert not rows(db, "SELECT 1 FROM trading_controls")


def test_without_a_reason_the_switch_stays(db: Database) -> None:
    reply = function("console").post("/operate/switch", data={"state": "halted", "why": " "})

    assert reply.status_code == 422
    assert "Say why" in reply.text
    assert not rows(db, "SELECT 1 FROM trading_controls")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_sites_form_changes_nothing(db: Database, headers: dict[str, str]) -> None:
    form = {"state": "halted", "why": "because I can"}

    reply = function("console").post("/operate/switch", data=form, headers=headers)

    assert reply.status_code == 403
    assert not rows(db, "SELECT 1 FROM trading_controls")


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": HOME}])
def test_its_own_form_does(db: Database, headers: dict[str, str]) -> None:
    form = {"state": "halted", "why": "a drill"}

    assert (
        function("console").post("/operate/switch", data=form, headers=headers).status_code == 200
    )
    assert rows(db, "SELECT 1 FROM trading_controls")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        (f"/orders/{NO_ID}", 404),
        ("/orders/not-an-id", 404),
        ("/rules/config?user=nobody", 404),
        ("/files/..%2frendering.py", 404),
        ("/files/NOTICE.md", 404),
        ("/operate/switch", 405),
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(path: str, status: int) -> None:
    reply = function("console").get(path)

    assert reply.status_code == status
    assert "Content-Security-Policy" in reply.headers


def test_an_order_has_its_receipt_to_download(
    db: Database, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    order_id = approved(db)
    path = f"/orders/{order_id}"
    assert "Receipt" not in function("console").get(path).text
    assert function("console").get(f"{path}/receipt").status_code == 503
    make_receipt_key(tmp_path / "key.pem", tmp_path / "key.pub.pem")
    environment.setenv("RECEIPT_KEY_FILE", str(tmp_path / "key.pem"))
    wiring.reset()

    page = function("console").get(path)
    receipt = function("console").get(f"{path}/receipt")

    assert f'href="{path}/receipt"' in page.text
    assert receipt.mimetype == "application/jose"
    named = f'attachment; filename="receipt-{order_id}.jws"'
    assert receipt.headers["Content-Disposition"] == named
    assert verified(receipt.data, (tmp_path / "key.pub.pem").read_text()).order_id == order_id
    assert function("console").get(f"/orders/{NO_ID}/receipt").status_code == 404


def test_a_config_that_no_database_can_hold_is_refused_with_its_place(
    db: Database, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("APP_BACKEND_URL", "http://127.0.0.1:9")
    wiring.reset()
    enroll(db, "user-1")
    form = {"user": "user-1", "do": "save", "config": '{"note": "\\u0000"}'}

    reply = function("console").post("/rules/config", data=form)

    assert reply.status_code == 422
    assert "document.note" in reply.text


def test_a_preview_says_that_no_guardrail_is_part_of_it(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("APP_BACKEND_URL", "http://127.0.0.1:9")
    wiring.reset()
    blocked = {"guardrails": {"symbols_blocklist": ["SPY"]}}
    tick()
    form = {"user": "user-1", "do": "preview", "config": json.dumps(blocked)}

    reply = function("console").post("/rules/config", data=form)

    assert "SPY is down 1.6%" in reply.text
    assert "blocks the symbol or has used up a limit is not asked" in reply.text


def test_a_message_with_markup_is_shown_as_text() -> None:
    form = {"state": "active", "why": "back", "user": "<script>alert(1)</script>"}

    reply = function("console").post("/operate/switch", data=form)

    assert "<script>alert" not in reply.text
    assert "&lt;script&gt;alert" in reply.text


def test_the_libraries_are_the_published_files() -> None:
    noted = re.findall(r"\| `([\w.]+)` \|.*`([0-9a-f]{64})` \|", (STATIC / "NOTICE.md").read_text())

    assert {name for name, _ in noted} == {each.name for each in STATIC.glob("*.min.*")}
    for name, checksum in noted:
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == checksum
