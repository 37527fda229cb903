import json

from infra.local.docs import config_docs
from tests.conftest import ROOT


def test_the_schema_and_the_page_are_current() -> None:
    docs = ROOT / "docs"

    assert (docs / config_docs.SCHEMA).read_text() == config_docs.schema(), (
        "countersign config docs"
    )
    assert (docs / config_docs.PAGE).read_text() == config_docs.page(), "countersign config docs"


def test_the_schema_refuses_unknown_keys_everywhere() -> None:
    definitions = json.loads(config_docs.schema())["$defs"].values()

    assert all(
        each["additionalProperties"] is False for each in definitions if "properties" in each
    )
