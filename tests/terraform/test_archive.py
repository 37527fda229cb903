"""The archive that is deployed: complete, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.runtime.settings import env_var
from tests.conftest import ROOT
from tests.terraform.deployment import Deployment

# As the platform does: main.py of the root, and a name in it.
_LOAD_ALL = """
import sys
from functions_framework import create_app
for name in sys.argv[1:]:
    assert create_app(name, "main.py").test_client() is not None
import common, functions, infra
print(common.__file__, functions.__file__, infra.__file__)
"""


@pytest.fixture
def archive(deployment: Deployment, tmp_path: Path) -> Path:
    """The archive of the plan, unpacked."""
    for source in deployment.one("data.archive_file", "source")["source"]:
        file = tmp_path / source["filename"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source["content"])
    return tmp_path


def test_every_entry_point_loads_from_the_archive_alone(
    deployment: Deployment, archive: Path
) -> None:
    done = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", _LOAD_ALL, *deployment.functions],
        cwd=archive,
        env={"PATH": env_var("PATH"), "PYTHONPATH": str(archive)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert all(path.startswith(str(archive)) for path in done.stdout.split())


def test_the_archive_holds_what_runs_and_nothing_else(archive: Path) -> None:
    files = {str(f.relative_to(archive)) for f in archive.rglob("*") if f.is_file()}
    kinds = {Path(file).suffix for file in files}

    assert kinds == {".py", ".txt", ".html", ".css", ".js", ".svg", ".md"}
    assert {file.partition("/")[0] for file in files} == {
        "common",
        "functions",
        "infra",
        "main.py",
        "requirements.txt",
    }
    left_out = ("infra/local/", "infra/simulator/", "infra/cli/")
    assert not [file for file in files if file.startswith(left_out)]


def test_the_archive_pins_every_package(archive: Path) -> None:
    assert (archive / "requirements.txt").read_text() == (ROOT / "requirements.txt").read_text()
