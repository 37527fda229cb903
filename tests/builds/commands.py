"""Stands in for the commands that a build cannot have here; reads and writes what they would.

Run by the links that `tests.builds.machine` puts on the PATH: the link's name is the command.
Every call is written down, and the call of number FAIL_AT fails. Starts without site-packages, for
speed.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

FOLDER = Path(os.environ["BUILD_FOLDER"])  # noqa: TID251 (it runs without the project)
TOOLS = ("ruff", "lint-imports", "mypy", "pytest", "countersign")
USAGE = 2


def main() -> int:
    """Write the call down, fail when it is its turn, and do what the command leaves behind."""
    command, *arguments = Path(sys.argv[1]).name, *sys.argv[2:]
    calls = FOLDER / "calls"
    number = len(calls.read_text().splitlines()) if calls.exists() else 0
    with calls.open("a") as file:
        file.write(" ".join((command, *arguments)).replace("\n", " ") + "\n")
    if os.environ.get("FAIL_AT") == str(number):  # noqa: TID251
        return 1
    return _DO.get(command, _nothing)(arguments)


def _nothing(_: list[str]) -> int:
    return 0


def _links(folder: Path, names: tuple[str, ...]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).symlink_to(FOLDER / "bin/gcloud")
    return 0


def _make(targets: list[str]) -> int:
    if targets == ["docs"]:
        return 0 if Path(".venv/bin").is_dir() and Path("mkdocs.yml").is_file() else 1
    return _links(Path(".venv/bin"), TOOLS) if targets == [".venv/.installed"] else USAGE


def _python(arguments: list[str]) -> int:
    if arguments[:2] == ["-m", "venv"]:
        return _links(Path(arguments[2], "bin"), ("pip", "python"))
    if arguments[:2] == ["-m", "zipfile"]:
        return subprocess.run([sys.executable, *arguments], check=False).returncode  # noqa: S603
    return 0


def _terraform(arguments: list[str]) -> int:
    given = dict(a.lstrip("-").split("=", 1) for a in arguments if a.startswith("-") and "=" in a)
    if arguments[0] == "init":
        if given.get("lockfile") == "readonly" and not Path(".terraform.lock.hcl").exists():
            return 1
        Path(".terraform.lock.hcl").touch()
    if arguments[0] == "apply" and "var-file" in given:
        return 0 if Path(given["var-file"]).is_file() else 1
    if arguments[0] == "plan":
        if not Path(given.get("var-file", "")).is_file():
            return 1  # the questions without an answer
        Path(".build").mkdir(exist_ok=True)
        with zipfile.ZipFile(".build/source.zip", "w") as archive:
            archive.writestr("main.py", "")
        if "out" in given:
            Path(given["out"]).touch()
    if arguments[0] == "apply":
        return 0 if all(Path(f).exists() for f in (arguments[-1], ".build/source.zip")) else 1
    return 0


def _gcloud(arguments: list[str]) -> int:
    if "WALK" in os.environ:  # noqa: TID251
        return 0  # what it does at Google is not there to be looked at
    if arguments[:2] != ["storage", "cp"]:
        return USAGE
    *sources, target = arguments[2:]
    for source in sources:
        kept = FOLDER / "kept" / source.removeprefix("gs://plans/")
        if not kept.exists():
            return 1
        shutil.copy(kept, target)
    return 0


_DO = {"make": _make, "python": _python, "terraform": _terraform, "gcloud": _gcloud}

if __name__ == "__main__":
    sys.exit(main())
