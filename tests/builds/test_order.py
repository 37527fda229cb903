"""The order of the builds: nothing changes before it was tested, planned and approved."""

from typing import Any

import pytest
import yaml

from tests.conftest import ROOT


def _build(name: str) -> dict[str, Any]:
    build: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return build


def test_a_push_is_checked_packaged_and_planned_in_this_order() -> None:
    steps = [step["id"] for step in _build("cloudbuild.yaml")["steps"]]

    assert steps == [
        "install",
        "lint",
        "types",
        "documentation",
        "test",
        "configuration",
        "package",
        "try-package",
        "plan",
    ]


def test_a_push_changes_nothing() -> None:
    scripts = " ".join(step["script"] for step in _build("cloudbuild.yaml")["steps"])

    assert "terraform apply" not in scripts
    assert "countersign" not in scripts


def test_what_was_planned_is_what_is_applied_after_the_schema() -> None:
    planned, applied = _build("cloudbuild.yaml"), _build("cloudbuild.apply.yaml")

    assert [step["id"] for step in applied["steps"]] == ["fetch", "install", "migrate", "apply"]
    for path in planned["artifacts"]["objects"]["paths"]:
        assert path.rpartition("/")[2] in applied["steps"][0]["script"]
    assert "approved.tfplan" in applied["steps"][-1]["script"]


@pytest.mark.parametrize("name", ["cloudbuild.yaml", "cloudbuild.apply.yaml"])
def test_every_package_is_installed_by_its_hashes(name: str) -> None:
    [install] = [step for step in _build(name)["steps"] if step["id"] == "install"]

    assert install["script"].splitlines()[1].startswith("make .venv/.installed")  # tests/setup


@pytest.mark.parametrize("name", ["cloudbuild.apply.yaml", "cloudbuild.operate.yaml"])
def test_what_needs_the_database_runs_inside_the_network(name: str) -> None:
    assert _build(name)["options"]["pool"] == {"name": "$_POOL"}


def test_terraforms_own_tests_ask_google_for_nothing() -> None:
    files = sorted((ROOT / "terraform/tests").glob("*.tftest.hcl"))

    assert len(files) >= 5
    for file in files:
        text = file.read_text()
        for provider in ("google", "google-beta", "time"):  # real waits are eleven minutes
            assert f'mock_provider "{provider}" {{' in text, file.name
    assert any("command = apply" in file.read_text() for file in files)
