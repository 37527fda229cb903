"""An order in docs/openapi.yaml has the columns that its user is shown, no more and no fewer."""

import yaml

from infra.postgres.trading.order_columns import SHOWN
from tests.conftest import ROOT


def test_the_document_requires_each_column_that_a_user_is_shown() -> None:
    document = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
    order = document["components"]["schemas"]["Order"]
    shown = {column.rpartition(" AS ")[2] for column in SHOWN}

    assert set(order["properties"]) == shown
    assert set(order["required"]) == shown
