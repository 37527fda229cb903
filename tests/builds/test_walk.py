"""The commands of docs/deploy.md are run in their order, in a clean checkout.

What begins with `gcloud` needs Google and is replaced; so is `terraform`, which is run for real
over a stand-in of Google's provider in tests/terraform. All else is what it is.
"""

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
import yaml

from infra.cli import main
from infra.runtime.settings import env_var
from tests.builds.machine import Machine, clean_checkout
from tests.conftest import ROOT

GUIDE = (ROOT / "docs/deploy.md").read_text()
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_OUTPUT = re.compile(r'^output "(\w+)"', re.MULTILINE)
TOOLS = {"gcloud", "terraform", "countersign"}


def commands() -> list[str]:
    """Return the guide's commands, each on one line."""
    text = "".join(_BLOCK.findall(GUIDE)).replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]


def _calls(name: str) -> list[list[str]]:
    """Return the arguments of each call of a tool, also behind a pipe."""
    parts = [shlex.split(part, comments=True) for line in commands() for part in line.split(" | ")]
    return [words[1:] for words in parts if words[0] == name]


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    """A machine with stand-ins for the tools, and a clean checkout."""
    machine = Machine(tmp_path / "machine")
    for tool in TOOLS:
        machine.stand_in(tool)
    clean_checkout(tmp_path / "checkout")
    return tmp_path


def _run(walk: Path, lines: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (our own guide)
        ["/bin/sh", "-eu", "-c", "\n".join(lines)],
        cwd=walk / "checkout",
        env={
            "PATH": f"{walk / 'machine/bin'}:{env_var('PATH')}",
            "BUILD_FOLDER": str(walk / "machine"),
            "WALK": "yes",
            "VALUE": "a secret",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_guide_can_be_followed_to_its_end(walk: Path) -> None:
    done = _run(walk, commands())

    assert done.returncode == 0, done.stderr
    calls = (walk / "machine/calls").read_text().splitlines()
    assert len(calls) == sum(len(_calls(tool)) for tool in TOOLS)
    assert (walk / "checkout/terraform/production.tfvars").exists()


def test_answers_are_needed_before_anything_is_applied(walk: Path) -> None:
    done = _run(walk, [line for line in commands() if not line.startswith("cp ")])

    assert done.returncode != 0


def test_the_answers_can_be_committed(walk: Path) -> None:
    _run(walk, commands())

    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", "terraform/production.tfvars"],  # noqa: S607
        cwd=ROOT,
        check=False,
    )
    assert ignored.returncode == 1


def test_countersign_has_every_command_of_the_guide() -> None:
    calls = _calls("countersign")

    assert {arguments[0] for arguments in calls} == {"doctor", "schedules", "deploy-check"}
    for arguments in calls:
        command: click.Command = main
        while isinstance(command, click.Group):
            command = command.commands[arguments[0]]
            arguments = arguments[1:]  # noqa: PLW2901 (one word less)
        command.make_context(command.name, arguments)


def test_terraform_has_every_output_of_the_guide() -> None:
    known = set(_OUTPUT.findall((ROOT / "terraform/outputs.tf").read_text()))
    asked = {name for words in _calls("terraform") if words[0] == "output" for name in words[1:]}

    assert asked
    assert asked <= known


def test_the_guide_resumes_every_job() -> None:
    jobs = {job["name"] for job in yaml.safe_load((ROOT / "infra/schedules.yaml").read_text())}
    resumed = [a[2:] for a in _calls("countersign") if a[:2] == ["schedules", "resume"]]

    assert {name for names in resumed for name in names} == jobs


def test_the_triggers_of_the_guide_are_there() -> None:
    pipeline = (ROOT / "terraform/pipeline.tf").read_text()
    run = [a[3] for a in _calls("gcloud") if a[:3] == ["builds", "triggers", "run"]]

    assert len(run) == 2
    for trigger in run:
        assert f'"${{var.name}}-{trigger.removeprefix("countersign-")}"' in pipeline
