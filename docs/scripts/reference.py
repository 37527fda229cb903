"""Writes the generated pages of docs/reference: `python docs/scripts/reference.py`.

The command line from its own help, HTTP from docs/openapi.yaml, metrics from
terraform/metrics.yaml.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from infra.cli import main as command_line

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"
_GENERATED = "Generated from {source}; `python docs/scripts/reference.py` writes it anew."
_METHODS = ("get", "put", "post", "patch", "delete")


def pages() -> dict[str, str]:
    """Return the pages by name."""
    return {
        "cli.md": "\n".join(_cli()) + "\n",
        "http.md": "\n".join(_http()) + "\n",
        "metrics.md": "\n".join(_metrics()) + "\n",
    }


def _cli() -> Iterator[str]:
    yield "# Command line"
    yield ""
    yield _GENERATED.format(source="the commands' own help")
    yield "Each works on the environment's database and broker; where it names none, on those of"
    yield "the local stack that runs in this folder. A mistake is one line and exit status 1 (2:"
    yield "usage)."
    for name, command in _leaves(command_line, ("countersign",)):
        context = click.Context(
            command,
            info_name=name,
            max_content_width=96,
            terminal_width=96,
            **command_line.context_settings,
        )
        yield from ("", f"## {name}", "", "```text", command.get_help(context), "```")


def _leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _leaves(command.commands[name], (*path, name))
    else:
        yield " ".join(path), command


def _http() -> Iterator[str]:
    source = ROOT / "docs" / "openapi.yaml"
    document = yaml.safe_load(source.read_text())
    yield "# HTTP"
    yield ""
    yield _GENERATED.format(source="[openapi.yaml](../openapi.yaml), which says all of it")
    yield "The webhook `answer` is in [events and errors](../messages.md#answering)."
    yield ""
    yield document["info"]["description"].strip()
    for path, operations in document["paths"].items():
        shared = operations.get("parameters", [])
        for method in _METHODS:
            if method in operations:
                yield from _operation(document, method, path, operations[method], shared)


def _operation(
    document: Any, method: str, path: str, operation: Mapping[str, Any], shared: list[Any]
) -> Iterator[str]:
    yield from ("", f"## {method.upper()} {path}", "", operation["summary"])
    if "description" in operation:
        yield from ("", operation["description"].strip())
    parameters = [_resolved(document, each) for each in [*shared, *operation.get("parameters", [])]]
    if parameters:
        yield from ("", "| parameter | in | meaning |", "|---|---|---|")
    for each in parameters:
        yield f"| `{each['name']}` | {each['in']} | {_cell(each.get('description', ''))} |"
    yield from ("", "| status | meaning |", "|---|---|")
    for status, response in operation["responses"].items():
        yield f"| {status} | {_cell(_resolved(document, response)['description'])} |"


def _resolved(document: Any, found: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in found:
        return found
    for key in found["$ref"].removeprefix("#/").split("/"):
        document = document[key]
    resolved: Mapping[str, Any] = document
    return resolved


def _metrics() -> Iterator[str]:
    source = ROOT / "terraform" / "metrics.yaml"
    yield "# Metrics"
    yield ""
    yield _GENERATED.format(source="`terraform/metrics.yaml`")
    yield "They are counted from the functions' log lines, by the field `event`. What to do when an"
    yield "alert comes is in [operate](../operations.md)."
    yield from ("", "| metric | event | measures | split by | meaning |", "|---|---|---|---|---|")
    for name, each in yaml.safe_load(source.read_text()).items():
        where = f" where `{_cell(each['where'])}`" if "where" in each else ""
        value = f"`{each['value']}`, {each['unit']}" if "value" in each else "count"
        label = f"`{each['label']}`" if "label" in each else ""
        event = f"`{each['event']}`{where}"
        yield f"| `{name}` | {event} | {value} | {label} | {_cell(each['about'])} |"


def _cell(text: Any) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
