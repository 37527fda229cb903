"""Nothing points to a document that a stranger does not have, and what is cited is there."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Documents of the founders, and how they were cited.
STRANGE = re.compile(
    r"alpaca-api\.md|\bdesign(?:\.md)? (?:section|§) ?\d|layout\.md|style\.md|\(style:"
    r"|(?<![/\w])kpis\.md section|\(section \d"
)
CITED = re.compile(r"(?<![\w/])(docs/[\w/-]+\.(?:md|yaml|json|py))(?:, ([A-Z][\w ]*\w))?")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(#[\w-]+)?\)")


def tracked(*suffixes: str) -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files"],  # noqa: S607 (whichever git is used here)
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in done.stdout.split() if name.endswith(suffixes)]


def headings(page: Path) -> set[str]:
    return {line.strip("# \n") for line in page.read_text().splitlines() if line.startswith("#")}


@pytest.fixture(scope="module")
def texts() -> dict[Path, str]:
    if not (ROOT / ".git").exists():
        pytest.skip("needs the repository: it asks git which files belong to it")
    found = tracked(".py", ".md", ".toml", ".tf", ".yaml", ".sql", "Makefile")
    return {path: path.read_text() for path in found if path.exists()}


def test_no_sentence_points_to_a_file_that_a_stranger_does_not_have(
    texts: dict[Path, str],
) -> None:
    own = Path(__file__)
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path, text in texts.items()
        if path != own
        for match in STRANGE.finditer(text)
    }

    assert found == set()


def test_every_page_that_is_cited_exists_and_has_the_heading(texts: dict[Path, str]) -> None:
    missing = set()
    for path, text in texts.items():
        if path == Path(__file__):
            continue
        for name, heading in CITED.findall(text):
            page = ROOT / name
            if not page.exists() or (heading and heading not in headings(page)):
                missing.add(f"{path.relative_to(ROOT)}: {name} {heading}")

    assert missing == set()


def test_every_link_between_pages_leads_somewhere(texts: dict[Path, str]) -> None:
    broken = {
        f"{path.relative_to(ROOT)}: {target}"
        for path, text in texts.items()
        if path.suffix == ".md"
        for target, _ in LINK.findall(text)
        if not (path.parent / target).exists()
    }

    assert broken == set()


def test_the_search_finds_what_it_looks_for() -> None:
    assert STRANGE.search("as in design " + "section 3.5")
    assert STRANGE.search("see alpaca-" + "api.md")
