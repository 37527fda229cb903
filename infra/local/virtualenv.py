"""Makes a virtual environment that holds exactly what a lock file names.

It runs before anything is installed, so it uses the standard library alone:

    python -I infra/local/virtualenv.py .venv requirements-dev.txt --editable
"""

import argparse
import fcntl
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[2]

ADVICE_VENV = "Debian and Ubuntu package this module apart: apt-get install python3-venv"
ADVICE_LOCK = (
    "run the same command again once the package index can be reached (behind a proxy, set"
    " HTTPS_PROXY);\n     downloads are kept. If a package has no wheel for this Python,"
    " choose another: make PYTHON=python3.13 ..."
)
ADVICE_PROJECT = "make clean, then the same command again"
ADVICE_FILES = "remove .venv (another user may own it), then run the same command again"


class StepError(Exception):
    """A step failed; the text names it, shows its last output, and says what to try."""

    def __init__(self, step: str, output: str, advice: str) -> None:
        lines = [line for line in output.splitlines() if not line.startswith("WARNING: ")]
        shown = "".join(f"     {line}\n" for line in lines[-8:])
        super().__init__(f"Failed: {step}\n{shown}Try: {advice}")


class Environment:
    """A virtual environment in `folder`, with the packages of `lock`."""

    def __init__(self, folder: Path, lock: Path, *, editable: bool) -> None:
        self.folder, self.lock, self.editable = folder, lock, editable
        self.stamp, self.log = folder / ".installed", folder / "set-up.log"
        self.python = folder / "bin" / "python"

    def update(self) -> None:
        """Do what is missing; whatever was interrupted or has changed is made anew."""
        wanted, found = self._wanted(), self._found()
        if found == wanted:
            return
        self.stamp.unlink(missing_ok=True)
        if found | {"project": ""} != wanted | {"project": ""}:
            self._create()
            self._install_lock()
        if self.editable:
            self._install_project()
        complete = self.stamp.with_suffix(".new")
        complete.write_text(json.dumps(wanted))
        complete.replace(self.stamp)

    def _wanted(self) -> dict[str, str]:
        """Describe the environment as it should be."""
        return {
            "folder": str(self.folder.resolve()),  # the installed scripts name it
            "python": f"{_base_python().resolve()} {_version(2)}",
            "lock": _digest(self.lock),
            "project": _digest(ROOT / "pyproject.toml") if self.editable else "",
        }

    def _found(self) -> dict[str, str]:
        """Describe the environment as it was completed; nothing if it never was."""
        try:
            found: dict[str, str] = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return {}
        return found if self.python.exists() else {}

    def _create(self) -> None:
        step = f"make the virtual environment {self.folder}, with Python {_version(3)}"
        say(step)
        command = (_base_python(), "-I", "-m", "venv", "--clear", self.folder)
        made = subprocess.run(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if made.returncode:
            raise StepError(step, made.stdout, ADVICE_VENV)

    def _install_lock(self) -> None:
        names = set(re.findall(r"^[\w.-]+", self.lock.read_text(), re.MULTILINE))
        step = f"install {self.lock.name}, about {len(names)} packages, a minute or two"
        self._pip(step, ("--require-hashes", "-r", self.lock), ADVICE_LOCK)

    def _install_project(self) -> None:
        step = "install the project itself"
        self._pip(step, ("--no-build-isolation", "-e", ROOT), ADVICE_PROJECT)

    def _pip(self, step: str, arguments: Sequence[str | Path], advice: str) -> None:
        """Run `pip install` without resolving, whatever the index offers; keep its output."""
        say(step)
        pip = (self.python, "-I", "-m", "pip", "install", "--disable-pip-version-check")
        with self.log.open("a") as log:
            status = _run((*pip, "--no-input", "--no-deps", *arguments), log)
        if status:
            output = self.log.read_text(errors="replace")
            raise StepError(f"{step} (all output: {self.log})", output, advice)


def _run(command: Sequence[str | Path], log: TextIO) -> int:
    """Run pip, copy its output to `log`, say how far it is, and return its exit status."""
    collected = 0
    with subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as pip:
        for line in pip.stdout or ():
            log.write(line)
            # Once for each package: newer releases of pip say which file asks for it, also where
            # one has extras; older ones say no more than what they collect or process.
            if line.startswith(("Collecting ", "Processing ")) or re.search(r"\(from .*-r ", line):
                collected += 1
                if collected % 25 == 0:
                    say(f"  {collected} downloaded")
            elif line.startswith("Installing collected packages") and collected:
                say(f"  all {collected} downloaded; unpacking")
    return pip.returncode


def _base_python() -> Path:
    """Return the interpreter outside of any virtual environment."""
    return Path(getattr(sys, "_base_executable", sys.executable))  # as `venv` itself does


def _version(parts: int) -> str:
    return ".".join(str(part) for part in sys.version_info[:parts])


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def say(text: str) -> None:
    """Print to the person who waits."""
    print(f"  {text}", flush=True)  # noqa: T201 (no console package is installed yet)


@contextmanager
def _alone() -> Iterator[None]:
    """Wait for another set-up of this folder to end."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Bring the environment that the command line names up to date."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("lock", type=Path)
    arguments.add_argument("--editable", action="store_true", help="install the project, too")
    chosen = arguments.parse_args()
    environment = Environment(chosen.folder, chosen.lock, editable=chosen.editable)
    try:
        with _alone():
            environment.update()
    except StepError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"Failed: {error}\nTry: {ADVICE_FILES}")
    except KeyboardInterrupt:
        sys.exit("Interrupted; the next run begins anew.")


if __name__ == "__main__":
    main()
