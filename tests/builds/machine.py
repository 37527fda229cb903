"""Runs the steps of a Cloud Build file as Cloud Build does: in order, in one checkout."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.runtime.settings import env_var
from tests.conftest import ROOT

COMMANDS = ("gcloud", "make", "python", "terraform")
# What the triggers of terraform/pipeline.tf pass; PLAN is the build that made the plan.
PLAN = "build-1"
PASSED = {
    "_STATE_BUCKET": "state",
    "_PLANS": "gs://plans",
    "_PLAN": PLAN,
    "_SETTINGS": "DB_USER=somebody GOOGLE_CLOUD_PROJECT=my-project",
    "_USERS": "answer@my-project.iam ingest@my-project.iam",
    "_COMMAND": 'halt --why "strange; fills"',
}


def build(name: str) -> dict[str, Any]:
    """Read a Cloud Build file."""
    parsed: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return parsed


@dataclass(frozen=True)
class Ran:
    """How a build ended: the step that failed, and every call by the step that made it."""

    failed: str | None
    calls: Mapping[str, list[str]]

    @property
    def all_calls(self) -> list[str]:
        """The calls in their order."""
        return [call for calls in self.calls.values() for call in calls]


class Machine:
    """Where builds run: a clean checkout each, the same commands, and what earlier ones kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "bin").mkdir(parents=True)
        clean_checkout(folder / "checkout")
        for command in COMMANDS:
            self.stand_in(command)

    def run(self, name: str, *, fail_at: int | None = None) -> Ran:
        """Run a build's steps until one fails; the call of number `fail_at` fails."""
        checkout = self._folder / "workspace"
        shutil.rmtree(checkout, ignore_errors=True)
        shutil.copytree(self._folder / "checkout", checkout, copy_function=os.link)
        (self._folder / "calls").write_text("")
        calls: dict[str, list[str]] = {}
        parsed = build(name)
        for step in parsed["steps"]:
            before = len(self._calls())
            status = self._step(parsed, step, checkout, fail_at)
            calls[step["id"]] = self._calls()[before:]
            if status:
                return Ran(step["id"], calls)
        self._keep(parsed, checkout)
        return Ran(None, calls)

    def _step(
        self, parsed: dict[str, Any], step: dict[str, Any], checkout: Path, fail_at: int | None
    ) -> int:
        substitutions = {name: str(value) for name, value in parsed["substitutions"].items()}
        done = subprocess.run(  # noqa: S603 (our own script)
            ["/bin/sh", "-c", step["script"]],
            cwd=checkout / step.get("dir", "."),
            env={
                **substitutions,
                **{name: PASSED[name] for name in substitutions.keys() & PASSED.keys()},
                "PATH": f"{self._folder / 'bin'}:{env_var('PATH')}",
                "TMPDIR": str(self._folder),
                "BUILD_FOLDER": str(self._folder),
                "FAIL_AT": str(fail_at),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode

    def _keep(self, parsed: dict[str, Any], checkout: Path) -> None:
        """Upload a build's artifacts, as Cloud Build does after its last step."""
        kept = self._folder / "kept" / PLAN
        kept.mkdir(parents=True, exist_ok=True)
        for path in parsed.get("artifacts", {}).get("objects", {}).get("paths", []):
            shutil.copy(checkout / path, kept)

    def _calls(self) -> list[str]:
        calls = re.sub(r"\S+/tmp\.\w+", "TEMPORARY", (self._folder / "calls").read_text())
        return calls.splitlines()

    def stand_in(self, command: str) -> None:
        """Replace a command on the PATH."""
        stand_in = self._folder / "bin" / command
        here = Path(__file__).with_name("commands.py")
        stand_in.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{here}" "$0" "$@"\n')
        stand_in.chmod(0o755)


def clean_checkout(folder: Path) -> None:
    """Copy what a commit of the working tree would hold: nothing that git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for path in filter(None, listed.stdout.split("\0")):
        if (ROOT / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, folder / path)
