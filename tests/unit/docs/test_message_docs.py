import json

import jsonschema_rs
import pytest

from common.messages import Message
from infra.local.docs import message_docs
from infra.local.docs.message_docs import DOCUMENTED
from tests.conftest import ROOT

DOCS = ROOT / "docs"
pytestmark = pytest.mark.parametrize("kind", DOCUMENTED)


def test_schemas_and_page_are_current(kind: type[Message]) -> None:
    written = (DOCS / message_docs.schema_file(kind)).read_text()

    assert written == message_docs.schema(kind), "countersign messages docs"
    page = (DOCS / message_docs.PAGE).read_text()
    assert page == message_docs.page(), "countersign messages docs"


def test_the_example_is_a_message_that_we_can_read(kind: type[Message]) -> None:
    schema = json.loads(message_docs.schema(kind))

    (example,) = schema["examples"]
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(example)
    assert kind.from_document(example).model_dump(mode="json") == example


def test_every_field_is_required_and_explained(kind: type[Message]) -> None:
    schema = json.loads(message_docs.schema(kind))

    assert set(schema["required"]) == set(kind.model_fields)
    for name, shape in schema["properties"].items():
        assert shape["description"].endswith("."), name


def test_a_reader_of_today_takes_what_is_added_tomorrow(kind: type[Message]) -> None:
    schema = json.loads(message_docs.schema(kind))
    (example,) = schema["examples"]

    validator = jsonschema_rs.validator_for(schema, validate_formats=True)

    assert validator.is_valid(example | {"new": 1})


@pytest.mark.parametrize("wrong", [1.5, 10, "1e5", "", "ten", "NaN", "1.", True])
def test_money_is_a_plain_decimal_string_or_nothing(kind: type[Message], wrong: object) -> None:
    schema = json.loads(message_docs.schema(kind))
    (example,) = schema["examples"]
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)

    for name in ("notional_usd", "qty"):
        assert not validator.is_valid(example | {name: wrong})
        assert validator.is_valid(example | {name: None})
        assert validator.is_valid(example | {name: "0.00001"})
