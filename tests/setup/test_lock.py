"""The lock holds all that is needed, so that nothing is resolved when it is installed."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT
from tests.setup.conftest import Checkout

# How Google's buildpack installs a function's packages (GoogleCloudPlatform/buildpacks,
# pkg/python/python.go), but for `--user`, which a virtual environment has no place for.
BUILDPACK = """
    -m pip install --requirement requirements.txt --upgrade --upgrade-strategy only-if-needed
    --no-warn-script-location --no-warn-conflicts --force-reinstall --no-compile
    --disable-pip-version-check --no-cache-dir
"""


def _pinned(lock: Path) -> dict[str, set[str]]:
    """Return the extras that a lock file names, by package."""
    pins = re.findall(r"^([\w.-]+)(?:\[([\w,-]+)\])?==", lock.read_text(), re.MULTILINE)
    return {canonicalize_name(name): set(filter(None, extras.split(","))) for name, extras in pins}


def _needed(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    """Yield what an installed package needs on this machine."""
    for text in requires(name) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


@pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.txt", set()), ("requirements-dev.txt", {"dev"})]
)
def test_whatever_a_locked_package_needs_is_locked_with_its_extras(
    lock: str, extras: set[str]
) -> None:
    pinned = _pinned(ROOT / lock)
    todo, seen = [("countersign", frozenset(extras))], set()

    while todo:
        package = todo.pop()
        seen.add(package)
        for needed in _needed(*package):
            name = canonicalize_name(needed.name)
            if name != "countersign":
                assert name in pinned, f"{package} needs {needed}"
                assert needed.extras <= pinned[name], f"{package} needs {needed}"
            if (found := (name, frozenset(needed.extras))) not in seen:
                todo.append(found)


def test_what_is_deployed_is_pinned_as_it_is_tested() -> None:
    deployed, tested = (
        set(re.findall(r"^[\w.-]+\S*==\S+", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in ("requirements.txt", "requirements-dev.txt")
    )

    assert deployed <= tested


def test_what_is_installed_agrees_with_itself() -> None:
    pip = [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"]
    checked = subprocess.run(pip, capture_output=True, text=True, check=False)  # noqa: S603

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("told", [{}, {"PIP_NO_DEPS": "1"}], ids=["resolving", "as deployed"])
def test_the_buildpack_installs_exactly_the_lock_when_the_index_offers_newer_releases(
    set_up: tuple[Checkout, str], told: dict[str, str]
) -> None:
    checkout, _ = set_up
    done = subprocess.run(  # noqa: S603
        [checkout.root / ".venv/bin/python", *BUILDPACK.split()],
        cwd=checkout.root,
        env=checkout.environment(**told),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert {"helper-1.0", "measure-1.0"} <= checkout.installed()
