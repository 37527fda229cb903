"""Every step of every build runs in a clean checkout, and fails when any of its commands fails."""

import shutil
from pathlib import Path

import pytest

from tests.builds.machine import PASSED, Machine, build
from tests.conftest import ROOT

BUILDS = ("cloudbuild.yaml", "cloudbuild.apply.yaml", "cloudbuild.operate.yaml")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git, to know what a checkout holds")
    return Machine(tmp_path)


def test_the_builds_run_to_their_ends_in_clean_checkouts(machine: Machine) -> None:
    for name in BUILDS:
        assert machine.run(name).failed is None, name


@pytest.mark.parametrize("name", BUILDS)
def test_a_step_fails_when_any_of_its_commands_fails(machine: Machine, name: str) -> None:
    machine.run("cloudbuild.yaml")  # what an apply fetches
    whole = machine.run(name)

    makers = [step for step, calls in whole.calls.items() for _ in calls]
    for number, maker in enumerate(makers):
        broken = machine.run(name, fail_at=number)

        assert broken.failed == maker
        assert broken.all_calls == whole.all_calls[: number + 1]


@pytest.mark.parametrize("name", BUILDS)
def test_every_step_calls_something_and_stops_at_an_error(name: str) -> None:
    for step in build(name)["steps"]:
        first, *rest = step["script"].splitlines()
        assert first == "set -eu", step["id"]
        assert rest
        assert not [line for line in rest if " | " in line], "a pipe hides the first one's failure"


def test_nothing_is_applied_that_was_not_planned(machine: Machine) -> None:
    ran = machine.run("cloudbuild.apply.yaml")

    assert ran.failed == "fetch"
    [call] = ran.all_calls
    assert call.startswith("gcloud storage cp gs://plans/build-1/approved.tfplan ")


def test_each_user_of_the_data_is_granted_by_name(machine: Machine) -> None:
    machine.run("cloudbuild.yaml")

    ran = machine.run("cloudbuild.apply.yaml")

    assert ran.calls["migrate"] == [
        "countersign migrate --grant-to answer@my-project.iam --grant-to ingest@my-project.iam"
    ]


def test_an_operators_command_is_split_and_nothing_else_of_it_runs(machine: Machine) -> None:
    ran = machine.run("cloudbuild.operate.yaml")

    assert PASSED["_COMMAND"] == 'halt --why "strange; fills"'
    assert ran.calls["run"] == ["countersign halt --why strange; fills"]


def test_plans_are_made_with_answers_that_are_committed() -> None:
    plans = [
        line
        for step in build("cloudbuild.yaml")["steps"]
        for line in step["script"].splitlines()
        if line.startswith("terraform plan")
    ]

    assert len(plans) == 2
    assert all('-var-file="$_ENVIRONMENT.tfvars"' in line for line in plans)
