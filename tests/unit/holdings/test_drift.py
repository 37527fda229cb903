from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from common.holdings.drift import Drift, drifts

holdings = st.dictionaries(st.sampled_from("ABCDE"), st.decimals(-9, 9, places=4))


def test_a_difference_has_both_numbers() -> None:
    ours = {"SPY": Decimal(3), "AAPL": Decimal("-1.5")}
    brokers = {"SPY": Decimal(2), "MSFT": Decimal(1)}

    assert drifts(ours, brokers, ()) == [
        Drift("AAPL", Decimal("-1.5"), Decimal(0)),
        Drift("MSFT", Decimal(0), Decimal(1)),
        Drift("SPY", Decimal(3), Decimal(2)),
    ]


def test_a_symbol_whose_fills_are_on_their_way_is_not_compared() -> None:
    assert drifts({"SPY": Decimal(3)}, {}, ["SPY"]) == []


@given(holdings, holdings)
def test_there_is_drift_exactly_where_the_numbers_differ(
    ours: dict[str, Decimal], brokers: dict[str, Decimal]
) -> None:
    found = {each.symbol for each in drifts(ours, brokers, ())}

    assert found == {s for s in "ABCDE" if ours.get(s, 0) != brokers.get(s, 0)}
