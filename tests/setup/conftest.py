"""A small checkout: the real Makefile and set-up, with a lock of two packages of its own."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.runtime.settings import env_vars
from tests.conftest import ROOT
from tests.setup.wheels import locked, write_newer_releases, write_wheel

BACKEND = """
from tests_wheels import write_wheel
from pathlib import Path

def build_editable(folder, settings=None, metadata=None):
    return write_wheel(Path(folder), "small_project", "1.0").name

def build_wheel(folder, settings=None, metadata=None):
    return build_editable(folder)
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


@dataclass(frozen=True)
class Checkout:
    """A project whose lock names `measure`, with the extra that needs `helper`, and `helper`."""

    root: Path
    index: Path

    @property
    def packages(self) -> Path:
        """Where the environment's packages are."""
        [packages] = (self.root / ".venv" / "lib").glob("python3*/site-packages")
        return packages

    def environment(self, **changes: str) -> dict[str, str]:
        """Return the environment of a person whose pip sees this index alone."""
        inherited = {n: v for n, v in env_vars().items() if not n.startswith(("PIP_", "MAKE"))}
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
        return inherited | pip | {"PIP_FIND_LINKS": self.index.as_uri()} | changes

    def make(self, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run the set-up by `make`."""
        return subprocess.run(  # noqa: S603
            self.command,
            cwd=self.root,
            env=self.environment(**changes),
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def command(self) -> list[str]:
        """The command line of the set-up."""
        return ["make", f"PYTHON={sys.executable}", ".venv/.installed"]

    def installed(self) -> set[str]:
        """Return what is installed, with its versions."""
        found = {info.name.removesuffix(".dist-info") for info in self.packages.glob("*.dist-info")}
        return {name for name in found if not name.startswith(("pip-", "setuptools-"))}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout in which nothing is set up yet."""
    return _checkout(tmp_path)


@pytest.fixture(scope="module")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, str]:
    """A checkout that is set up, and what was shown meanwhile."""
    made = _checkout(tmp_path_factory.mktemp("set_up"))
    done = made.make()
    assert done.returncode == 0, done.stdout + done.stderr
    return made, done.stdout


def _checkout(folder: Path) -> Checkout:
    """Write a checkout in a folder whose name has spaces, and an index with newer releases."""
    root, index = folder / "a folder with spaces", folder / "index"
    (root / "infra" / "local").mkdir(parents=True)
    index.mkdir()
    shutil.copy(ROOT / "Makefile", root)
    shutil.copy(ROOT / "infra/local/virtualenv.py", root / "infra/local")
    shutil.copy(ROOT / "tests/setup/wheels.py", root / "tests_wheels.py")
    (root / "backend.py").write_text(BACKEND)
    (root / "pyproject.toml").write_text(PYPROJECT)
    needs = ["Provides-Extra: more", 'Requires-Dist: helper>=1.0; extra == "more"']
    measure = write_wheel(index, "measure", "1.0", files={"measure.py": ""}, metadata=needs)
    helper = write_wheel(index, "helper", "1.0", metadata=["Requires-Dist: measure[more]>=1.0"])
    lock = root / "requirements.txt"
    lock.write_text(locked(measure, "[more]") + locked(helper))
    shutil.copy(lock, root / "requirements-dev.txt")
    write_newer_releases(lock, index)
    return Checkout(root, index)
