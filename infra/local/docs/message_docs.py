"""Writes the contract with the app backend from the models: JSON Schemas, and a page."""

import inspect
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from common.guardrails.facts import DenialCode
from common.messages import Message, QuestionCreated, TradeUpdate
from infra.local.docs import answer_docs
from infra.local.docs.message_fields import DESCRIPTIONS, EXAMPLES, UPDATE_DESCRIPTIONS

FOLDER, PAGE = "messages", "messages.md"
DOCUMENTED: tuple[type[Message], ...] = (QuestionCreated, TradeUpdate)


def write(folder: Path) -> None:
    """Write the schemas and the page."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for kind in DOCUMENTED:
        (folder / schema_file(kind)).write_text(schema(kind))
    (folder / PAGE).write_text(page())


def schema_file(kind: type[Message]) -> str:
    """Return where in the documents' folder a message's schema stands."""
    return f"{FOLDER}/{kind.topic}.schema.json"


def schema(kind: type[Message]) -> str:
    """Return the JSON Schema of what is published on a topic; every field is always there."""
    document = kind.model_json_schema(mode="serialization")
    properties = {name: _property(kind, name, document) for name in document["properties"]}
    # Readers must not refuse what a later version adds.
    del document["additionalProperties"]
    written = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.topic,
        "properties": properties,
        "required": list(properties),
        "examples": [example(kind)],
    }
    return json.dumps(document | written, indent=2, ensure_ascii=False) + "\n"


def _property(kind: type[Message], name: str, document: dict[str, Any]) -> dict[str, Any]:
    shape: dict[str, Any] = document["properties"][name]
    if Decimal in _types(kind.model_fields[name].annotation):
        number = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}
        shape = {"anyOf": [number, {"type": "null"}]} if "anyOf" in shape else number
    without = {key: value for key, value in shape.items() if key not in {"title", "default"}}
    return {"description": describe(kind, name), **without}


def _types(annotation: Any) -> Iterator[Any]:
    """Yield a type and all that it is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _types(part)


def describe(kind: type[Message], name: str) -> str:
    """Return what a field is."""
    return (DESCRIPTIONS | (UPDATE_DESCRIPTIONS if kind is TradeUpdate else {}))[name]


def example(kind: type[Message]) -> Any:
    """Return a message as its reader gets it."""
    return json.loads(EXAMPLES[kind].model_dump_json())


def page() -> str:
    """Return the page for the developer of the app backend."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield _RECEIVING
    for kind in DOCUMENTED:
        yield from (f"## `{kind.topic}`", "", inspect.getdoc(kind) or "", "")
        yield f"[JSON Schema]({schema_file(kind)}). An example:"
        yield from ("", "```json", json.dumps(example(kind), indent=2), "```", "")
        yield from ("| field | type | what it is |", "|---|---|---|")
        for name, shape in json.loads(schema(kind))["properties"].items():
            yield f"| `{name}` | {_type(shape)} | {shape['description']} |"
        yield ""
    yield _ANSWERING


def _type(shape: dict[str, Any]) -> str:
    if "anyOf" in shape:
        return " or ".join(map(_type, shape["anyOf"]))
    if "$ref" in shape:
        return "a [denial code](#denial-codes)"
    if "enum" in shape:
        return ", ".join(f"`{value}`" for value in shape["enum"])
    if "pattern" in shape:
        return "decimal, as a string"
    if shape["type"] == "array":
        return f"list of {_type(shape['items'])}"
    return {"date-time": "instant (RFC 3339)", "uuid": "UUID"}.get(
        shape.get("format", ""), str(shape["type"])
    )


_RECEIVING = """\
# Messages for the app backend

Generated from the models; `countersign messages docs` writes it anew.

Two Pub/Sub topics tell the app backend everything: `questions-created` and `trade-updates`. Each
message is JSON and has all that is needed to show it: nothing has to be looked up. Fields may be
added: ignore what you do not know. Money and quantities are decimal strings: do not make binary
floats of them.

Make one subscription per topic, with message ordering enabled. A push subscription delivers

```json
{
  "message": {
    "data": "eyJxdWVzdGlvbl9pZCI6IC4uLn0=",
    "attributes": {"message_id": "0b7c8f0e-58b4-4f0a-a3f4-5f9a1a0ce1d2"},
    "orderingKey": "user-1",
    "messageId": "7",
    "publishTime": "2026-02-10T15:00:01Z"
  },
  "subscription": "projects/your-project/subscriptions/your-subscription"
}
```

with the message in `data`, base64. Answer with a 2xx once you have stored it; anything else brings
it again.

- **Duplicates.** Every message arrives at least once. The attribute `message_id` is the same each
  time, also when we publish again after a crash; Pub/Sub's own `messageId` is not. Store it with
  what you store, and drop what you have seen. (`question_id`, or `order_id` with `status` and
  `filled_qty`, would do as well.)
- **Order.** The ordering key is the `firebase_uid`: what concerns one user on one topic arrives in
  the order in which it happened. A redelivery brings what followed it again, too: that is why
  duplicates must be dropped by id, and not by "the last one wins". There is no order between the
  two topics.
- **Nothing is lost.** A message is stored together with what it announces, and published until
  Pub/Sub has taken it. It may therefore be late: look at `expires_at` before you show a question.

On a laptop, `countersign dev --push questions-created=http://localhost:3000/questions` delivers a
topic to you in this very form.
"""

_ANSWER = json.dumps(
    {
        "question_id": example(QuestionCreated)["question_id"],
        "firebase_uid": "user-1",
        "answer": 10,
        "answered_at": "2026-02-10T15:00:40Z",
    },
    indent=2,
)

_ANSWERING = f"""\
## Answering

An answer is a [Standard Webhook](https://www.standardwebhooks.com) to the function `answer`, signed
with `ANSWER_WEBHOOK_SECRET`:

```json
{_ANSWER}
```

`answer` is a number from -10 to +10: +5 and above approves, -5 and below rejects, what is between
is asked once more. A 5xx, or no reply within 40 seconds, is to be sent again with the same
`webhook-id` and body (and a new timestamp and signature), with growing waits, until there is one
below 500: a new instance may reach no database for a minute. The first decision stands, and a
repeat gets the same reply. The reply to an answer that counts is in the [README](../README.md).
{answer_docs.replies()}

An app without a backend of its own posts `{{"answer": 10}}` to
`/v1/me/questions/{{question_id}}/answer` of `account_api`, with the user's ID token
([OpenAPI](openapi.yaml)): the decision is the same.

{answer_docs.vector()}

## Denial codes

{", ".join(f"`{code.value}`" for code in DenialCode)}. `reason` has the numbers that made it so."""
