"""The plan's page points to what is there: files, tests, commands, targets and settings."""

import re

import click
import pytest

from common.guardrails.facts import DenialCode
from infra.cli import main
from infra.runtime.settings import Settings
from tests.conftest import ROOT

PAGE = (ROOT / "docs/plan.md").read_text()
QUOTED = sorted(set(re.findall(r"`([^`\n]+)`", PAGE)))
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| \d+\.\d+ \|", line)]
FOLDERS = ("common", "docs", "functions", "infra", "terraform", "tests")
PATHS = [each for each in QUOTED if each.split("/")[0] in FOLDERS and "/" in each]
COMMANDS = [each.split()[1:] for each in QUOTED if each.startswith("countersign ")]
TARGETS = [each.split()[1] for each in QUOTED if each.startswith("make ")]
SETTINGS = [
    each.partition("=")[0] for each in QUOTED if re.fullmatch(r"[A-Z]+(_[A-Z0-9]+)+(=\S*)?", each)
]
# Named by the plan, and not ours; and codes of denials, which look like settings.
NOT_OURS = {"QUESTION_WORKER_ENABLED", "QUESTION_WORKER_INTERVAL_SECONDS"}


def test_every_requirement_has_a_number_of_its_own_and_says_what_shows_it() -> None:
    numbers = [row.split("|")[1].strip() for row in ROWS]

    assert len(numbers) == len(set(numbers)) >= 100
    assert [row for row in ROWS if not row.rpartition(" | ")[2].rstrip(" |").strip()] == []
    sections = {number.partition(".")[0] for number in numbers}
    assert sections == {str(section) for section in range(1, 18)}


@pytest.mark.parametrize("path", PATHS)
def test_what_is_named_is_there(path: str) -> None:
    file, _, test = path.partition("::")

    assert (ROOT / file).exists()
    if test:
        assert re.search(rf"^ *def {test}\(", (ROOT / file).read_text(), re.MULTILINE)


def test_commands_and_targets_are_there() -> None:
    group: click.Command = main
    for words in COMMANDS:
        group = main
        for word in words:
            assert isinstance(group, click.Group)
            group = group.commands[word]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(TARGETS) <= set(targets)
    assert COMMANDS
    assert TARGETS


def test_settings_are_there() -> None:
    known = {name.upper() for name in Settings.model_fields} | {code.value for code in DenialCode}

    assert set(SETTINGS) - NOT_OURS <= known
