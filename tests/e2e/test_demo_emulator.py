"""`countersign demo --emulator`: the whole way over Google's own emulator of Pub/Sub."""

import json
import shutil
from pathlib import Path

import httpx
import pytest

from infra.local.stack import PROJECT
from tests.contract.local.emulator import pubsub_emulator
from tests.e2e.test_demo import countersign


def test_it_is_skipped_with_a_reason_where_there_is_no_emulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)

    done = countersign("demo", "--emulator", cwd=tmp_path)

    assert "skipped: gcloud and Java are not installed" in done.stderr


def test_one_refused_delivery_comes_again_and_one_message_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "emulator").mkdir()
    with pubsub_emulator(tmp_path / "emulator", PROJECT) as emulator:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", _address(emulator))
        report = json.loads(countersign("demo", "--emulator", "--json", cwd=tmp_path).stdout)
        topics = emulator.get(f"/v1/projects/{PROJECT}/topics").json()["topics"]

    seen = {check["name"]: check["seen"] for check in report["checks"]}
    assert report["ok"] is True
    assert [order["status"] for order in report["orders"]] == ["filled"]
    assert seen["deliveries of the approved order"] == 2
    assert seen["dead letters, by their refusals"] == [5]
    names = {topic["name"].rpartition("/")[2] for topic in topics}
    assert {"snapshots-ingested", "orders-approved", "dead-letters"} <= names


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
def test_with_an_emulator_in_the_environment_the_plain_demo_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "emulator").mkdir()
    with pubsub_emulator(tmp_path / "emulator", PROJECT) as emulator:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", _address(emulator))
        report = json.loads(countersign("demo", "--json", cwd=tmp_path).stdout)
        topics = emulator.get(f"/v1/projects/{PROJECT}/topics").json()["topics"]

    assert report["ok"] is True
    assert len(topics) == 6


def _address(emulator: httpx.Client) -> str:
    return f"{emulator.base_url.host}:{emulator.base_url.port}"
