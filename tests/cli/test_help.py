"""What all commands have in common: examples, JSON, completion, errors of one line."""

import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from common.errors import PermanentError
from infra.cli import main
from tests.e2e.test_demo import COUNTERSIGN

ID = "4a824e0a-b9cc-44f8-a486-ae61d131e9ec"

# What prints JSON anyhow, no data, or a document in a form of its own.
WITHOUT_JSON = {
    "config get": "prints JSON",
    "template get": "prints JSON",
    "fixtures show": "prints JSON",
    "answer": "prints the reply, which is JSON",
    "config diff": "prints a difference of two texts",
    "token": "prints a token",
    "receipt": "prints a JWS",
    "receipt-key": "prints PEM",
    "completion": "prints a script",
    "dev": "runs until it is stopped; its data is in .countersign/stack.json",
    "stream": "runs until it is stopped; its logs are JSON",
    "config edit": "opens an editor",
    **dict.fromkeys(
        (
            *("user add", "user delete", "config set", "config docs", "template set"),
            *("fixtures load", "messages docs", "halt", "resume", "dead-letters retry"),
            *("positions resolve", "migrate", "schedules pause", "schedules resume"),
            "schedules run",
        ),
        "changes something, and says that it is done",
    ),
}


def leaves(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from leaves(each, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS: Mapping[str, click.Command] = dict(leaves(main))


def examples(name: str) -> list[list[str]]:
    """Return the examples at the end of a command's help, in words."""
    done = CliRunner(env={"COLUMNS": "200"}).invoke(main, [*name.split(), "--help"])
    assert done.exit_code == 0
    shown = done.output.partition("Examples:")[2].splitlines()
    return [shlex.split(line) for line in shown if "countersign" in line]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_shows_examples_that_it_understands(name: str) -> None:
    found = [words for words in examples(name) if name in " ".join(words)]

    assert found
    options = {each for option in COMMANDS[name].params for each in option.opts}
    for words in found:
        used = {word for word in words if word.startswith("--")}
        assert used <= options


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_that_prints_data_prints_it_as_json(name: str) -> None:
    has_json = any("--json" in each.opts for each in COMMANDS[name].params)

    assert has_json is (name not in WITHOUT_JSON)


def test_every_exception_is_a_command() -> None:
    assert WITHOUT_JSON.keys() <= COMMANDS.keys()


@pytest.mark.parametrize("value", ["-7", "-10", "-0.5", "+10", "7"])
def test_an_answer_may_be_below_zero(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    done = CliRunner().invoke(main, ["answer", ID, value])

    assert isinstance(done.exception, PermanentError)  # there is no stack to answer
    assert "start `countersign dev` in this folder" in str(done.exception)


@pytest.mark.parametrize("value", ["--seven", "-x", "much", ""])
def test_an_answer_that_is_no_number_is_a_usage_error(value: str) -> None:
    done = CliRunner().invoke(main, ["answer", ID, value])

    assert done.exit_code == 2
    assert "is not a number from -10 to 10" in done.output


def test_the_help_of_answer_is_still_there() -> None:
    assert "VALUE" in CliRunner().invoke(main, ["answer", "-h"]).output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sta"], {"status"}),
        (["dead-letters", "re"], {"retry"}),
        (["trace", "--js"], {"--json"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
    ],
)
def test_commands_options_and_choices_are_completed(words: list[str], expected: set[str]) -> None:
    asked = {
        "_COUNTERSIGN_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["countersign", *words]),
        "COMP_CWORD": str(len(words)),
    }

    done = CliRunner(env=asked).invoke(main, [], prog_name="countersign")

    assert {line.partition(",")[2] for line in done.output.splitlines()} == expected


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_takes_the_script() -> None:
    script = CliRunner().invoke(main, ["completion", "bash"]).output

    done = subprocess.run(  # noqa: S603 (our own script)
        ["bash", "-c", f"{script}\ncomplete -p countersign"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )

    assert "_countersign_completion" in done.stdout


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script_too(shell: str) -> None:
    assert f"_COUNTERSIGN_COMPLETE={shell}_complete" in (
        CliRunner().invoke(main, ["completion", shell]).output
    )


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["status"], "start `countersign dev` in this folder"),
        (["receipt", ID], "set DATABASE_URL"),
        (["answer", ID, "-7"], "start `countersign dev` in this folder"),
        (["token", "alice"], "start `countersign dev` in this folder"),
        (["schedules", "list"], "GOOGLE_CLOUD_PROJECT is not set"),
        (["statu"], "Did you mean 'status'?"),
        (["config", "validate", "none.json"], "'none.json' does not exist"),
    ],
)
def test_an_error_is_said_with_a_hint_and_a_status(
    arguments: list[str], hint: str, tmp_path: Path
) -> None:
    done = subprocess.run(  # noqa: S603 (our own command)
        [*COUNTERSIGN, *arguments],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode in {1, 2}
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
