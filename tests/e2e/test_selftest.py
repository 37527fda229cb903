"""`countersign selftest`, as a person or a pipeline runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.guardrails.facts import DenialCode
from infra.local.selftest import guards, rules, silences
from infra.local.selftest.result import Result
from infra.local.selftest.run import show, show_json


def selftest(
    *arguments: str, cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-m", "infra", "selftest", *arguments],
        cwd=cwd,
        env=os.environ | (environment or {}),  # noqa: TID251 (handed on)
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_guardrail_and_every_rule_type_trips(tmp_path: Path) -> None:
    done = selftest("--json", cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert all(each["seen"] == each["expected"] for each in report["results"])
    tripped = {(each["kind"], each["name"]) for each in report["results"]}
    assert tripped == {
        *(("guardrail", code.value) for code in DenialCode),
        *(("silence", each.code.value) for each in silences.SILENCES),
        *(("rule", rule_type) for rule_type in rules.types()),
    }


def test_it_keeps_away_from_a_database_that_is_in_use(tmp_path: Path) -> None:
    done = selftest(cwd=tmp_path, environment={"DATABASE_URL": "postgresql://localhost/theirs"})

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "countersign: the self-test wants a database of its own: unset DATABASE_URL"
    ]


def test_rule_types_are_discovered() -> None:
    assert {"price_below_pct_of_ref", "schedule", "all_of"} <= set(rules.types())
    assert set(rules.SCENARIOS) == set(rules.types())


def test_a_guardrail_without_a_scenario_fails_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    left = tuple(each for each in guards.SCENARIOS if each.code is not DenialCode.PRICE_DRIFT)
    monkeypatch.setattr(guards, "SCENARIOS", left)

    untried = list(guards.untried_codes())

    assert [(each.name, each.ok) for each in untried] == [("PRICE_DRIFT", False)]


def test_a_rule_type_without_a_scenario_fails_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    left = {name: each for name, each in rules.SCENARIOS.items() if name != "schedule"}
    monkeypatch.setattr(rules, "SCENARIOS", left)

    untried = list(rules.untried_types())

    assert [(each.name, each.ok) for each in untried] == [("schedule", False)]


@pytest.mark.parametrize(
    ("received", "seen"),
    [
        (["no_data", "not_met", "asks"], "not_met, then asks in minute 2"),
        (["no_data", "no_data", "asks"], "no_data, then asks in minute 2"),
        (["no_data", "not_met", "not_met", "asks"], "not_met, then asks in minute 3"),
        (["asks", "not_met", "asks"], "nothing, then asks in minute 0"),
        (["no_data", "not_met", "not_met"], "never asks (not_met)"),
    ],
)
def test_a_rule_must_look_and_be_silent_and_then_ask_on_its_minute(
    received: list[str], seen: str
) -> None:
    judged = rules.judge("schedule", received)

    assert judged.seen == seen
    assert judged.ok is (received == ["no_data", "not_met", "asks"])


def results() -> Iterator[Result]:
    yield Result("rule", "schedule", "at ten", "asks", "asks")
    yield Result(
        "guardrail", "PRICE_DRIFT", "a fall", "denied PRICE_DRIFT", "filled, at the broker"
    )


def test_a_person_sees_what_was_tried_expected_and_seen(capsys: pytest.CaptureFixture[str]) -> None:
    show(results())

    shown = capsys.readouterr().out
    for part in ("ok", "at ten", "FAILED", "a fall", "denied PRICE_DRIFT", "at the broker"):
        assert part in shown
    assert "1 failed." in shown


def test_a_program_sees_it_as_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    show_json(results())

    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert [each["ok"] for each in report["results"]] == [True, False]
    assert set(report["results"][0]) == {"kind", "name", "tried", "expected", "seen", "ok"}
