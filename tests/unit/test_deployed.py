"""What is deployed is what the contracts call deployed, and it needs nothing else of ours."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from infra.runtime.settings import env_var
from tests.conftest import ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
_IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
for name, module in list(sys.modules.items()):
    if name.split(".")[0] in ("common", "functions", "infra"):
        assert module.__file__.startswith({folder!r}), name
"""


def contract(name: str) -> dict[str, list[str]]:
    (found,) = (each for each in CONTRACTS if each["name"] == name)
    return dict(found)


def deployed_files() -> list[Path]:
    """The Python files of the modules that the contract calls deployed, from the root."""
    modules = [*contract("What is deployed imports nothing local")["source_modules"], "infra"]
    files: list[Path] = []
    for module in modules:
        path = ROOT / module.replace(".", "/")
        if module == "infra":
            files.append(path / "__init__.py")
        else:
            files += path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    return sorted(file.relative_to(ROOT) for file in files)


def test_terraform_leaves_out_exactly_what_the_contract_forbids() -> None:
    text = (ROOT / "terraform/artifacts.tf").read_text()

    left_out = {f"infra.{name}" for name in re.findall(r'!startswith\(file, "(\w+)/"\)', text)}
    left_out |= {f"infra.{name}" for name in re.findall(r'file != "(\w+)\.py"', text)}

    assert left_out == set(contract("What is deployed imports nothing local")["forbidden_modules"])
    every = {path.stem for path in (ROOT / "infra").iterdir() if path.suffix == ".py"} | {
        path.parent.name for path in (ROOT / "infra").glob("*/__init__.py")
    }
    shipped = {
        path.parts[1].removesuffix(".py") for path in deployed_files() if path.parts[0] == "infra"
    }
    assert {f"infra.{name}" for name in every - shipped} == left_out


def test_each_shipped_module_is_imported_from_what_is_shipped_alone(tmp_path: Path) -> None:
    files = deployed_files()
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    names = [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]

    done = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", _IMPORT_ALL.format(folder=str(tmp_path)), *names],
        cwd=tmp_path,
        env={"PATH": env_var("PATH"), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert len(names) > 100


def test_the_worker_starts_from_what_its_image_holds(tmp_path: Path) -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    for source, target in (line.split()[1:] for line in lines if line.startswith("COPY ")):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / target)
    (command,) = (line.removeprefix("CMD ") for line in lines if line.startswith("CMD "))

    done = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, *json.loads(command)[1:]],
        cwd=tmp_path,
        env={"PATH": env_var("PATH"), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "set either this or all of CLOUD_SQL_INSTANCE" in done.stderr
