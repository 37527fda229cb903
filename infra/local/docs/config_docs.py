"""Writes what can be said in a config: the JSON Schema, and a page for people, from the models."""

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

from common.actions import ClosePosition, ProposeOrder
from common.config import Guardrails, TradingConfig
from common.inputs import CryptoInput, OptionInput, StockInput
from common.model import Model
from common.rules import Rule
from common.rules.base import BaseRule

SCHEMA, PAGE = "config.schema.json", "config.md"

_SECTIONS: tuple[tuple[str, str, type[Model]], ...] = (
    ("The document", "", TradingConfig),
    ("Data inputs: stocks", "`data_inputs[]` with `asset_class` `us_equity`.", StockInput),
    ("Data inputs: crypto", "`data_inputs[]` with `asset_class` `crypto`.", CryptoInput),
    ("Data inputs: options", "`data_inputs[]` with `asset_class` `us_option`.", OptionInput),
    ("Guardrails", "`guardrails`; the server's ceilings stand above them.", Guardrails),
    ("Every rule", "What `rules[]` have in common, whatever their `type`.", BaseRule),
    ("Action: propose an order", "`on_answer_match`.", ProposeOrder),
    ("Action: close the position", "`on_answer_match`.", ClosePosition),
)


def write(folder: Path) -> None:
    """Write both files."""
    folder.mkdir(exist_ok=True)
    (folder / SCHEMA).write_text(schema())
    (folder / PAGE).write_text(page())


def schema() -> str:
    """Return the JSON Schema of the whole document."""
    document = TradingConfig.model_json_schema(mode="validation")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Countersign trading config",
    }
    return json.dumps(document | head, indent=2, ensure_ascii=False) + "\n"


def page() -> str:
    """Return the reference page."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# The trading config"
    yield ""
    yield "Generated from the models; `countersign config docs` writes it anew. Check a file with"
    yield "`countersign config validate FILE`: it names every problem with its place."
    for title, where, model in _SECTIONS:
        yield from ("", f"## {title}", "", *((where, "") if where else ()), _description(model), "")
        yield from _table(model)
    yield from ("", "## Rule types")
    for rule in get_args(get_args(Rule)[0]):
        yield from _rule(rule)


def _rule(rule: type[BaseRule]) -> Iterator[str]:
    module = inspect.getdoc(sys.modules[rule.__module__]) or ""
    tag = get_args(rule.model_fields["type"].annotation)[0]
    shown = sorted(rule.template_variables | rule.shared_variables)
    yield from ("", f"### `{tag}`", "", module, "")
    yield from _table(rule, without=BaseRule)
    yield from ("", "Template variables: " + ", ".join(f"`{{{{{name}}}}}`" for name in shown) + ".")


def _description(model: type[Model]) -> str:
    return inspect.getdoc(model) or ""


def _table(model: type[Model], without: type[Model] = Model) -> Iterator[str]:
    """List a model's settings: type, whether they are needed, default and bounds."""
    properties = model.model_json_schema(mode="validation")["properties"]
    yield "| setting | type | default | bounds |"
    yield "|---|---|---|---|"
    for name, shape in properties.items():
        if name in without.model_fields:
            continue
        field = model.model_fields[name]
        default = "needed" if field.is_required() else f"`{json.dumps(shape.get('default'))}`"
        yield f"| `{name}` | {_type(shape)} | {default} | {_bounds(field)} |"


def _type(shape: dict[str, Any]) -> str:
    if "const" in shape:
        return f"`{shape['const']}`"
    if "enum" in shape:
        return ", ".join(f"`{value}`" for value in shape["enum"])
    if "anyOf" in shape or "oneOf" in shape:
        variants = [*shape.get("anyOf", ()), *shape.get("oneOf", ())]
        kinds = [_type(each) for each in variants]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in shape:
        return "object"
    if shape.get("type") == "array":
        return f"list of {_type(shape.get('items', {}))}"
    return str(shape.get("type", "any"))


_BOUNDS = (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))
_LENGTHS = (("min_length", "at least"), ("max_length", "at most"))


def _bounds(field: FieldInfo) -> str:
    described = [
        f"{sign} {getattr(bound, name)}"
        for name, sign in (*_BOUNDS, *_LENGTHS)
        for bound in field.metadata
        if getattr(bound, name, None) is not None
    ]
    return ", ".join(described)
