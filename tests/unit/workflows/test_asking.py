"""What is stored of a user is judged before they are asked, whatever it is."""

from decimal import Decimal

import pytest

from infra.workflows.asking import code_of, judge
from tests.unit.guardrails.test_proposals import guardrails, terms
from tests.unit.samples import NOON, config, exposure, server

NAN = Decimal("NaN")
LOSS_LIMITED = config(**guardrails(daily_loss_limit_usd=10))


def test_what_nothing_stands_against_is_asked() -> None:
    assert judge(terms(), LOSS_LIMITED, server(), NOON, exposure()) is None


@pytest.mark.parametrize("number", ["notional_in_window", "day_pnl"])
def test_a_number_that_is_none_costs_its_user_the_question(number: str) -> None:
    stored = exposure(**{number: NAN})

    assert code_of(judge(terms(), LOSS_LIMITED, server(), NOON, stored)) == "set_aside"
