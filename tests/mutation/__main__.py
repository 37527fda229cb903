"""`make mutants`: change the code a little at many places, and count what no test notices.

mutmut makes the changes; what it changes, and the tests, stand in `pyproject.toml`. Each mutant
meets the tests that reach its function, the quick ones first: some seconds of them and, if it
survives these, some more. Names or patterns choose mutants; the default is the seventh of every
third function.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from fnmatch import translate
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Any

from tests.conftest import RUNNING_POSTGRES, running_postgres
from tests.copied_tree import ROOT, copy_tree

SEVENTH, EVERY = "*__mutmut_7", 3
SECONDS = (5.0, 60.0)  # of tests against each mutant: at first, and for those that survived
CODE = "code"
_COPIED = ("functions", "common", "infra", "tests", "docs", "terraform")


def main() -> None:
    """Judge the mutants that the arguments name, and show each that survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="countersign-mutants-") as folder:
        copy = Path(folder) / "copy"
        files = (each.name for each in ROOT.glob("*.*") if each.is_file())
        copy_tree(copy, (*_COPIED, *files))
        with running_postgres() as url:
            run = _Run(copy, url, arguments.processes)
            run.in_copy("generate")
            run.record()
            names = arguments.names or sorted(run.results([SEVENTH]))[::EVERY]
            chosen = names
            for seconds in SECONDS:
                run.judge(chosen, seconds)
                found = run.results(names)
                chosen = [
                    name
                    for name, (status, diff) in found.items()
                    if status == "survived" and kind_of(diff) == CODE
                ]
        _report(found)


class _Run:
    """The copy with its mutants, and a Postgres for all their tests."""

    def __init__(self, copy: Path, url: str, processes: int) -> None:
        self._copy = copy
        self._processes = processes
        self._environment = os.environ | {RUNNING_POSTGRES: url}  # noqa: TID251 (handed on)
        self._tests: dict[str, list[str]] = {}
        self._seconds: dict[str, float] = {}

    def in_copy(self, *arguments: str) -> str:
        """Run our script in the copy; what breaks off raises."""
        script = ["tests/mutation/in_copy.py", *arguments]
        return self._python(script, self._copy, capture=arguments[0] == "results")

    def record(self) -> None:
        """Run all tests, which must pass, and note which reach which function."""
        configured = tomllib.loads((self._copy / "pyproject.toml").read_text())["tool"]["mutmut"]
        selection = configured["pytest_add_cli_args_test_selection"]
        options = ["-q", "--rootdir=.", "-p", "tests.mutation.plugin", "-p", "no:cacheprovider"]
        many = [f"--numprocesses={self._processes}", "--dist=loadfile", "--timeout=600"]
        self._environment["MUTANT_UNDER_TEST"] = "stats"
        self._python(["-m", "pytest", *options, *many, *selection], self._copy / "mutants")
        del self._environment["MUTANT_UNDER_TEST"]
        tests = defaultdict[str, list[str]](list)
        for file in (self._copy / "mutants").glob("recorded-*.json"):
            recorded = json.loads(file.read_text())
            self._seconds |= recorded["seconds"]
            for function, reached_by in recorded["tests"].items():
                tests[function] += reached_by
        self._tests = dict(tests)

    def judge(self, names: list[str], seconds: float) -> None:
        """Run the quickest tests against each mutant, so many seconds of them at most."""
        if not names:
            return
        stats = {
            "tests_by_mangled_function_name": {
                function: self._quickest(tests, seconds) for function, tests in self._tests.items()
            },
            "duration_by_test": self._seconds,
            "stats_time": None,
        }
        (self._copy / "mutants" / "mutmut-stats.json").write_text(json.dumps(stats))
        (self._copy / "names").write_text("\n".join(names))
        self.in_copy("judge", "names", str(self._processes))

    def results(self, patterns: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Return the status of each mutant that fits a pattern, and the change if it survived."""
        found: dict[str, tuple[str, str]] = json.loads(self.in_copy("results"))
        chosen = re.compile("|".join(map(translate, patterns)))
        return {name: result for name, result in found.items() if chosen.fullmatch(name)}

    def _quickest(self, tests: Iterable[str], seconds: float) -> list[str]:
        ordered = sorted(set(tests), key=self._seconds.__getitem__)
        spent = accumulate(self._seconds[each] for each in ordered)
        fitting = takewhile(lambda each: each[1] <= seconds, zip(ordered, spent, strict=True))
        return [each for each, _ in fitting] or ordered[:1]

    def _python(self, arguments: list[str], folder: Path, *, capture: bool = False) -> str:
        done = subprocess.run(  # noqa: S603 (our own command)
            [sys.executable, *arguments],
            cwd=folder,
            env=self._environment,
            stdout=subprocess.PIPE if capture else None,
            text=True,
            check=True,
        )
        return done.stdout or ""


def kind_of(diff: str) -> str:
    """Say what a change is about, as far as a program can tell."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++", "@@"))]
    before = [line[1:] for line in lines if line.startswith("-")]
    after = [line[1:] for line in lines if line.startswith("+")]
    if [each.lower() for each in before] == [each.lower() for each in after]:
        return "letters' case of a text"
    if [each.replace("XX", "") for each in after] == before:
        return "words of a text"
    return CODE


def _report(found: Mapping[str, Any]) -> None:
    survived = {name: diff for name, (status, diff) in found.items() if status == "survived"}
    for name, diff in sorted(survived.items(), key=lambda each: (kind_of(each[1]), each[0])):
        print(f"{kind_of(diff)}: {name}\n{diff}")  # noqa: T201
    counts = Counter(status for status, _ in found.values())
    kinds = Counter(kind_of(diff) for diff in survived.values())
    noticed = counts["killed"] + counts["timeout"] + counts["segfault"]
    judged = noticed + counts["survived"]
    print(dict(counts), dict(kinds))  # noqa: T201
    print(f"{noticed} of {judged} noticed ({noticed / max(judged, 1):.0%})")  # noqa: T201


if __name__ == "__main__":
    main()
