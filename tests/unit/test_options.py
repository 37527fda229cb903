from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import MalformedMessageError
from common.inputs import OptionInput
from common.occ import OccSymbol
from common.options import ChainBounds, ChainWindow, windows_of

TODAY = date(2026, 2, 10)

occ_symbols = st.builds(
    OccSymbol,
    st.from_regex(r"[A-Z]{1,5}[0-9]?", fullmatch=True),
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.sampled_from(["call", "put"]),
    st.integers(1, 99_999_999).map(lambda mills: Decimal(mills) / 1000),
)


@given(occ_symbols)
def test_a_symbol_survives_being_written_and_read(symbol: OccSymbol) -> None:
    assert OccSymbol.parse(str(symbol)) == symbol


@given(st.text() | st.from_regex(r"[A-Z]{0,7}[0-9]{4,8}[CPX][0-9]{6,9}"))
def test_any_text_is_a_symbol_or_refused(text: str) -> None:
    try:
        symbol = OccSymbol.parse(text)
    except MalformedMessageError:
        return

    assert str(symbol) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AAPL250620C00100000", OccSymbol("AAPL", date(2025, 6, 20), "call", Decimal(100))),
        ("F260116P00012500", OccSymbol("F", date(2026, 1, 16), "put", Decimal("12.5"))),
        ("BRKB260116P00000500", OccSymbol("BRKB", date(2026, 1, 16), "put", Decimal("0.5"))),
        ("AAPL1250620C00100000", OccSymbol("AAPL1", date(2025, 6, 20), "call", Decimal(100))),
    ],
)
def test_a_symbol_has_root_expiry_type_and_strike(text: str, expected: OccSymbol) -> None:
    assert OccSymbol.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AAPL",
        "AAPL  250620C00100000",
        "aapl250620C00100000",
        "AAPL250620X00100000",
        "AAPL250620C0010000",
        "AAPL251320C00100000",
        "AAPL250230C00100000",
        "AAPL250620C00000000",
        "BRK.B250620C00100000",
        "AAPL\u0662\u0665\u0660\u0666\u0662\u0660C00100000",
    ],
)
def test_what_is_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessageError):
        OccSymbol.parse(text)


def option_input(*underlyings: str, first: int, last: int, pct: str) -> OptionInput:
    return OptionInput(
        id="chain",
        source="alpaca",
        asset_class="us_option",
        underlyings=underlyings,
        min_days_to_expiry=first,
        max_days_to_expiry=last,
        strike_window_pct=Decimal(pct),
    )


def test_the_window_of_an_underlying_is_wide_enough_for_every_input() -> None:
    near = option_input("AAPL", "SPY", first=0, last=10, pct="5")
    far = option_input("AAPL", first=30, last=60, pct="2.5")

    windows = windows_of((near, far))

    assert windows == {
        "AAPL": ChainWindow(0, 60, Decimal(5)),
        "SPY": ChainWindow(0, 10, Decimal(5)),
    }


def test_a_window_counts_days_from_today_and_strikes_around_the_price() -> None:
    bounds = ChainWindow(1, 10, Decimal("2.5")).around(Decimal("99.8"), TODAY)

    assert bounds == ChainBounds(
        date(2026, 2, 11), date(2026, 2, 20), Decimal("97.305"), Decimal("102.295")
    )


def test_bounds_are_widened_by_as_much_again_but_not_below_zero() -> None:
    narrow = ChainWindow(0, 10, Decimal(10)).around(Decimal(100), TODAY)
    wide = ChainWindow(0, 10, Decimal(80)).around(Decimal(100), TODAY)

    assert narrow.widened() == ChainBounds(TODAY, date(2026, 2, 20), Decimal(80), Decimal(120))
    assert wide.widened() == ChainBounds(TODAY, date(2026, 2, 20), Decimal(0), Decimal(260))
