"""`make mutants`: change the code a little at many places, and count which changes no test notices.

mutmut makes the changes and runs the tests that reach each of them; what it changes and which tests
it runs stands in `pyproject.toml`. All share one Postgres. Patterns choose the changes by name: the
default takes every tenth.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import RUNNING_POSTGRES, running_postgres
from tests.copied_tree import ROOT, copy_tree

EVERY_TENTH = "*__mutmut_*7"
_COPIED = ("functions", "common", "infra", "tests", "docs", "terraform")


def main() -> None:
    """Run the mutants that the arguments name, and show each that survived."""
    with tempfile.TemporaryDirectory(prefix="countersign-mutants-") as folder:
        copy = Path(folder) / "copy"
        files = (each.name for each in ROOT.glob("*.*") if each.is_file())
        copy_tree(copy, (*_COPIED, *files))
        with running_postgres() as url:
            _mutmut(copy, url, "run", "--max-children", "2", *(sys.argv[1:] or [EVERY_TENTH]))
        for survivor in _survivors(copy, url):
            _mutmut(copy, url, "show", survivor)


def _survivors(copy: Path, url: str) -> list[str]:
    lines = _mutmut(copy, url, "results", quiet=True).splitlines()
    return [line.partition(":")[0].strip() for line in lines if line.endswith("survived")]


def _mutmut(copy: Path, url: str, *arguments: str, quiet: bool = False) -> str:
    # A run that breaks off, as on a full disk, raises: what it has judged is not the whole sample.
    done = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=copy,
        env=os.environ | {RUNNING_POSTGRES: url},  # noqa: TID251 (handed on)
        stdout=subprocess.PIPE if quiet else None,
        text=True,
        check=True,
    )
    return done.stdout or ""


if __name__ == "__main__":
    main()
