"""terraform/.terraform.lock.hcl, where it is present: all providers, for all machines."""

import re

import pytest

from tests.conftest import ROOT

LOCK = ROOT / "terraform/.terraform.lock.hcl"
_REQUIRED = re.compile(r'source\s*=\s*"([\w/-]+)"\s*version\s*=\s*"~> (\d+)\.(\d+)"')
_LOCKED = re.compile(r'provider "registry\.terraform\.io/([\w/-]+)" \{(.*?)\n\}', re.DOTALL)


def problems(lock: str, versions: str) -> list[str]:
    """Return what a lock file lacks of what versions.tf asks for."""
    locked = dict(_LOCKED.findall(lock))
    found = [f"{source} is not needed" for source in locked.keys() - _sources(versions)]
    for source, major, minor in _REQUIRED.findall(versions):
        block = locked.get(source, "")
        version = re.search(r'version\s*=\s*"(\d+)\.(\d+)', block)
        if version is None:
            found.append(f"{source} is not locked")
        elif version[1] != major or int(version[2]) < int(minor):
            found.append(f"{source} is locked at {version[1]}.{version[2]}")
        if version and '"zh:' not in block:
            found.append(f"{source} has no hash for other machines: `terraform providers lock`")
    return found


def _sources(versions: str) -> set[str]:
    return {source for source, _, _ in _REQUIRED.findall(versions)}


def test_the_lock_file_is_whole() -> None:
    if not LOCK.exists():
        pytest.skip("no lock file: `terraform init` writes it, docs/deploy.md says when")

    assert problems(LOCK.read_text(), (ROOT / "terraform/versions.tf").read_text()) == []


def _locked(source: str, version: str, digest: str = "zh:00") -> str:
    head = f'provider "registry.terraform.io/{source}" {{\n  version     = "{version}"\n'
    return f'{head}  hashes = [\n    "{digest}",\n  ]\n}}\n'


def test_what_a_lock_file_lacks_is_found() -> None:
    versions = (ROOT / "terraform/versions.tf").read_text()
    assert _sources(versions) == {
        "hashicorp/archive",
        "hashicorp/google",
        "hashicorp/google-beta",
        "hashicorp/time",
    }
    whole = (
        _locked("hashicorp/archive", "2.7.1")
        + _locked("hashicorp/google", "8.7.0")
        + _locked("hashicorp/google-beta", "8.9.1")
        + _locked("hashicorp/time", "0.13.1")
    )

    assert problems(whole, versions) == []
    for wrong, problem in (
        (whole.replace("8.7.0", "7.46.1"), "hashicorp/google is locked at 7.46"),
        (whole.replace("time", "null"), "hashicorp/time is not locked"),
        (whole.replace("time", "null"), "hashicorp/null is not needed"),
        (whole.replace("zh:00", "h1:00"), "hashicorp/time has no hash for other machines"),
    ):
        assert [each for each in problems(wrong, versions) if each.startswith(problem)]
