import re
from collections.abc import Mapping
from decimal import Decimal
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

import pytest
from pydantic import Field, create_model

from common import rules
from common.market import Metric
from common.model import Exact
from common.rules.base import BaseRule, Condition, NotFired, Outcome, SymbolView
from tests.unit.rules.facts import ASKING, fact, fired, reason, view

README = Path(rules.__file__).with_name("README.md")
NAMES: dict[str, Any] = {
    each.__name__: each for each in (BaseRule, Condition, Decimal, Mapping, NotFired, SymbolView)
} | {
    "Annotated": Annotated,
    "ClassVar": ClassVar,
    "Exact": Exact,
    "Field": Field,
    "Literal": Literal,
    "Metric": Metric,
    "Outcome": Outcome,
    "fact": fact,
    "fired": fired,
    "reason": reason,
    "view": view,
}


@pytest.fixture
def written() -> dict[str, Any]:
    """What the page's two blocks define."""
    names = dict(NAMES, __name__="readme")
    for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL):
        exec(block, names)  # noqa: S102 (our own page)
    return names


def test_the_example_does_what_its_own_test_says(written: dict[str, Any]) -> None:
    its_test = written["test_it_fires_at_the_level_and_not_a_cent_below"]

    its_test()


def test_the_example_can_be_registered_beside_the_other_rules(written: dict[str, Any]) -> None:
    union = reduce(or_, [*get_args(get_args(rules.Rule)[0]), written["PriceAtLeastRule"]])
    registered = create_model("Registered", rule=(union, Field(discriminator="type")))
    document = {"type": "price_at_least", "symbol": "SPY", "level": 500} | ASKING

    accepted: Any = registered.model_validate({"rule": document})

    assert accepted.rule.needs_of("SPY") == {("SPY", "last_trade"): 1}
