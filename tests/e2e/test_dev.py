"""`countersign dev`: what an app developer scripts against."""

import json
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from infra.local import stack_file
from infra.local.app_backend import answer_running_stack, signed_headers
from infra.local.stack import FIREBASE_KEY
from infra.postgres.database import Database, connector
from tests.conftest import rows
from tests.contract.simulator.stream_client import CONNECTED, client
from tests.e2e.test_demo import COUNTERSIGN, countersign
from tests.waiting import PATIENCE_SECONDS, eventually


@contextmanager
def dev(folder: Path, *options: str) -> Iterator[dict[str, Any]]:
    """Run the stack; at the end stop it as Ctrl-C does, and expect a clean exit."""
    process = subprocess.Popen(  # noqa: S603 (our own command)
        [*COUNTERSIGN, "dev", "--port", "0", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    stack_file = folder / ".countersign" / "stack.json"
    eventually(lambda: stack_file.exists() or process.poll() is not None, "no stack.json")
    assert process.poll() is None, process.communicate()[0]
    try:
        yield json.loads(stack_file.read_text())
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, output
    assert not stack_file.exists()
    assert "Traceback" not in output
    (folder / "output").write_text(output)


def pending_question(stack: dict[str, Any]) -> tuple[str, str]:
    """Wait for a question, as an app backend does, and read it."""
    database = Database(connector(stack["database_url"]), size=1)
    asked = "SELECT question_id, firebase_uid FROM confirmations"
    eventually(lambda: rows(database, asked), "nobody was asked")
    found = rows(database, asked)
    database.close()
    return str(found[0]["question_id"]), found[0]["firebase_uid"]


def test_the_stack_says_where_everything_is_and_everything_answers(tmp_path: Path) -> None:
    with dev(tmp_path) as stack:
        assert set(stack) == {
            "functions",
            "broker",
            "broker_streams",
            "dashboard",
            "database_url",
            "answer_webhook_secret",
            "internal_token",
            "signing_secret",
            "environment",
            "users",
        }
        assert httpx.get(stack["dashboard"]).status_code == 200
        keys = {"APCA-API-KEY-ID": "sim-key", "APCA-API-SECRET-KEY": "sim-secret"}
        assert httpx.get(f"{stack['broker']}/v2/clock", headers=keys).status_code == 200
        with client(stack["broker_streams"]) as follower:
            assert follower.receive() == CONNECTED
        for function in ("ingest", "reconcile_orders", "relay_outbox", "push_snapshot"):
            assert httpx.post(f"{stack['functions']}/{function}").status_code == 200, function
        assert all(user["id_token"].count(".") == 2 for user in stack["users"])


def test_what_holds_secrets_is_its_owners_alone(tmp_path: Path) -> None:
    with dev(tmp_path):
        folder = tmp_path / ".countersign"
        secrets = [folder / "stack.json", folder / FIREBASE_KEY]
        modes = {each.name: stat.filemode(each.stat().st_mode) for each in secrets}

    assert modes == {each.name: "-rw-------" for each in secrets}


def test_an_app_developer_answers_a_question_and_data_outlives_a_restart(tmp_path: Path) -> None:
    with dev(tmp_path) as stack:
        question_id, uid = pending_question(stack)
        body = json.dumps(
            {
                "question_id": question_id,
                "firebase_uid": uid,
                "answer": 10,
                "answered_at": datetime.now().astimezone().isoformat(),  # noqa: TID251
            }
        )
        headers = signed_headers(stack["answer_webhook_secret"], body)
        unsigned = httpx.post(f"{stack['functions']}/answer", content=body)
        decided = httpx.post(f"{stack['functions']}/answer", content=body, headers=headers)

    with dev(tmp_path) as stack:
        database = Database(connector(stack["database_url"]), size=1)
        (order,) = rows(database, "SELECT client_order_id, status FROM trade_orders")
        database.close()
        placed = httpx.get(f"{stack['broker']}/sim/orders").json()

    assert (unsigned.status_code, decided.status_code) == (401, 200)
    assert decided.json()["decision"] == "approve"
    assert order["client_order_id"].startswith(f"cs-{question_id}-")
    assert [o["client_order_id"] for o in placed] == [order["client_order_id"]]


def test_the_command_line_answers_too(tmp_path: Path) -> None:
    with dev(tmp_path) as stack:
        question_id, _ = pending_question(stack)
        waiting = json.loads(countersign("status", "--json", cwd=tmp_path).stdout)["questions"]
        done = countersign("answer", question_id, "-10", cwd=tmp_path)

    assert question_id in [each["id"] for each in waiting]
    assert json.loads(done.stdout)["decision"] == "reject"


def test_a_receipt_of_the_stack_is_verified_when_nothing_runs_any_more(tmp_path: Path) -> None:
    with dev(tmp_path) as stack:
        question_id, _ = pending_question(stack)
        answered = json.loads(countersign("answer", question_id, "10", cwd=tmp_path).stdout)
        countersign("receipt", answered["order_id"], "--output", "receipt.jws", cwd=tmp_path)

    verified = countersign("verify", "receipt.jws", cwd=tmp_path)

    assert verified.stdout.startswith("Verified: signed ")
    assert f"Order {answered['order_id']}, at the broker cs-{question_id}-" in verified.stdout


def test_without_a_running_stack_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="countersign dev"):
        answer_running_stack(tmp_path, uuid4(), 10)  # type: ignore[arg-type]


def test_a_second_start_in_the_same_folder_says_so_and_leaves_the_first_alone(
    tmp_path: Path,
) -> None:
    with dev(tmp_path) as stack:
        second = countersign("dev", "--port", "0", cwd=tmp_path, expect=1)

        assert f"{stack['functions']}/console" in second.stdout + second.stderr
        assert (tmp_path / ".countersign" / "stack.json").exists()
        assert httpx.post(f"{stack['functions']}/ingest").status_code == 200


def test_a_file_that_a_killed_stack_has_left_is_named_by_every_command(tmp_path: Path) -> None:
    folder = tmp_path / ".countersign"
    folder.mkdir()
    stack_file.write(folder, {"environment": {}, "functions": "http://127.0.0.1:1"})

    for command in (("status",), ("halt", "--why", "test"), ("answer", str(uuid4()), "10")):
        failed = countersign(*command, cwd=tmp_path, expect=1)
        assert "stack.json is left of a stack that no longer runs" in failed.stderr
        assert "start `countersign dev` in this folder" in failed.stderr

    with stack_file.held(folder):  # the next start
        assert not (folder / stack_file.NAME).exists()


def test_a_dead_functions_process_is_started_again(tmp_path: Path) -> None:
    with dev(tmp_path) as stack:
        address = int(stack["functions"].rpartition(":")[2])
        (child,) = [
            each
            for each in psutil.process_iter(["cmdline", "cwd"])
            if "infra.local.functions_server" in (each.info["cmdline"] or [])
            and each.info["cwd"] == str(tmp_path)
        ]
        child.kill()

        # The port stays the parent's: what is asked meanwhile waits for the new process.
        reply = httpx.get(f"http://127.0.0.1:{address}/console/", timeout=PATIENCE_SECONDS)

    assert reply.status_code == 200


def test_a_clock_that_is_moved_goes_on_and_so_do_the_ticks(tmp_path: Path) -> None:
    with dev(tmp_path) as stack, httpx.Client(base_url=stack["broker"]) as broker:
        broker.put("/sim/clock", json={"speed": 60}).raise_for_status()
        moved = broker.put("/sim/clock", json={"advance_seconds": 3600}).raise_for_status().json()
        third_tick = datetime.fromisoformat(moved["now"]) + timedelta(minutes=3)
        database = Database(connector(stack["database_url"]), size=1)
        eventually(lambda: (last_fetch(database) or third_tick) > third_tick, "no third tick")
        database.close()

    assert moved["speed"] == 60


def last_fetch(database: Database) -> datetime | None:
    (row,) = rows(database, "SELECT max(last_fetch_at) AS at FROM ingest_cursors")
    at: datetime | None = row["at"]
    return at


def test_questions_that_wait_are_shown_after_a_restart(tmp_path: Path) -> None:
    with dev(tmp_path) as stack:
        question_id, _ = pending_question(stack)
    with dev(tmp_path) as stack, httpx.Client(base_url=stack["functions"]) as http:
        assert question_id in http.get("/console/questions").text

    assert f"countersign answer {question_id} +10" in (tmp_path / "output").read_text()


def test_a_push_of_a_topic_that_is_not_there_is_refused(tmp_path: Path) -> None:
    push = "questions=http://localhost:1/q"
    done = countersign("dev", "--push", push, cwd=tmp_path, expect=2)

    assert "questions-created" in done.stderr
