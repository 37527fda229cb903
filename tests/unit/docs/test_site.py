"""What the documentation site shows is current: generated pages, diagrams, pictures, commands."""

import re
import runpy
import shlex
from pathlib import Path

import click
import pytest

from common.config import TradingConfig
from common.model import parse_json
from infra.cli import main
from tests.conftest import ROOT

DOCS = ROOT / "docs"
SCRIPTS = DOCS / "scripts"
PAGES = [*(DOCS / "tutorial").glob("*.md"), *(DOCS / "guides").glob("*.md")]
PAGES += [DOCS / "reference/recordings.md"]


def commands(page: Path) -> list[str]:
    """Return what a page tells its reader to type."""
    blocks = re.findall(r"^ *```console\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return re.findall(r"^ *\$ (.*)$", "\n".join(blocks), re.MULTILINE)


def json_blocks(page: Path) -> list[str]:
    return re.findall(r"^```json\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", ["cli.md", "http.md", "metrics.md"])
def test_a_generated_page_is_current(name: str) -> None:
    pages = runpy.run_path(str(SCRIPTS / "reference.py"))["pages"]()

    assert (DOCS / "reference" / name).read_text() == pages[name], "docs/scripts/reference.py"


def test_every_diagram_is_drawn_as_it_stands_and_no_other() -> None:
    diagrams = runpy.run_path(str(SCRIPTS / "diagrams.py"))["diagrams"]()

    assert len(diagrams) >= 3
    drawn = {path.name for path in (DOCS / "images/diagrams").iterdir()}
    assert drawn == set(diagrams), "docs/scripts/diagrams.py"


def test_every_picture_is_made_by_the_script() -> None:
    script = (SCRIPTS / "screenshots.py").read_text()
    made = set(re.findall(r'take\(browser, stack, f?"[^"]*", "([\w-]+)"', script))

    assert {path.stem for path in (DOCS / "images").glob("*.png")} == made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_ours_is_one(page: Path) -> None:
    shown = [line for line in commands(page) if line.startswith("countersign ")]
    for line in shown:
        words = shlex.split(line.partition(">")[0].replace("QUESTION_ID", str(DOCS)))[1:]
        command: click.Command = main
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        options = {name for each in command.params for name in each.opts}
        assert {word for word in words if word.startswith("--")} <= options, line
    assert shown


@pytest.mark.parametrize("page", ["guides/write-a-rule.md", "tutorial/your-own-rule.md"])
def test_every_config_that_is_shown_is_valid(page: str) -> None:
    shown = json_blocks(DOCS / page)

    assert shown
    for text in shown:
        assert TradingConfig.from_document(parse_json(text.encode())).rules
