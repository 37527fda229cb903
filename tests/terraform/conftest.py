"""Plans the whole of terraform/ with the example's answers, once for all tests."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from fasteners import InterProcessLock

from infra.runtime.settings import env_var
from tests.conftest import ROOT, SHARED
from tests.terraform.deployment import Deployment

CHECK = SHARED / "tools/terraform-check/terraform-check"
MISSING = "need terraform and terraform-check, which stands in for Google's provider"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where nothing can be planned, skip once for all tests of the plan, and deselect the rest."""
    planned = [item for item in items if "deployment" in getattr(item, "fixturenames", ())]
    if CHECK.exists() and shutil.which("terraform"):
        return
    if planned:
        planned[0].add_marker(pytest.mark.skip(f"{len(planned)} tests of the plan {MISSING}"))
        config.hook.pytest_deselected(items=planned[1:])
        deselected = set(planned[1:])
        items[:] = [item for item in items if item not in deselected]


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Deployment:
    """The deployment of terraform/example.tfvars."""
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        folder = folder.parent  # of all workers of this run
    plan, applied, graph = (folder / name for name in ("plan.json", "applied.json", "graph.dot"))
    with InterProcessLock(folder / "plan.lock"):
        if not applied.exists():
            _plan(plan, applied, graph)
    return Deployment.of(
        json.loads(plan.read_text()), json.loads(applied.read_text()), graph.read_text()
    )


def _plan(plan: Path, applied: Path, graph: Path) -> None:
    here = Path(__file__).parent
    done = subprocess.run(  # noqa: S603 (our own files)
        [
            *(CHECK, "--plan", "--no-fmt", "--no-test", "--terraform", here / "terraform"),
            *(
                "--var-file",
                ROOT / "terraform/example.tfvars",
                "--var-file",
                here / "pipeline.tfvars",
            ),
            "terraform",
        ],
        cwd=ROOT,
        env={
            **{name: env_var(name) for name in ("PATH", "HOME", "XDG_CACHE_HOME") if env_var(name)},
            "PLAN_JSON": str(plan),
            "APPLIED_JSON": str(applied),
            "GRAPH_DOT": str(graph),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
