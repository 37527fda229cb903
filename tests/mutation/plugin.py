"""A plugin of pytest for `make mutants`: which tests reach which function; quick ones first.

mutmut finds that out in one process; this does the same in several, some minutes faster.
"""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from mutmut.state import state

# Beside the mutants, where mutmut looks for it.
STATS = Path("mutmut-stats.json")
RECORDED = "recorded-{}.json"
_UNKNOWN = float("inf")


class _Recorder:
    """Notes for each test which functions it calls, and how many seconds it takes."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._tests: defaultdict[str, list[str]] = defaultdict(list)
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        state()._stats.clear()
        self._seconds[nodeid] = 0

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        for function in state()._stats:
            self._tests[function].append(item.nodeid)
        state()._stats.clear()

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        self._seconds[item.nodeid] += call.duration

    def pytest_sessionfinish(self) -> None:
        found = {"tests": self._tests, "seconds": self._seconds}
        Path(RECORDED.format(self._worker)).write_text(json.dumps(found))


def pytest_configure(config: pytest.Config) -> None:
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker and os.environ.get("MUTANT_UNDER_TEST") == "stats":  # noqa: TID251 (mutmut's own)
        config.pluginmanager.register(_Recorder(worker["workerid"]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if STATS.exists():
        seconds = json.loads(STATS.read_text())["duration_by_test"]
        items.sort(key=lambda item: seconds.get(item.nodeid, _UNKNOWN))
