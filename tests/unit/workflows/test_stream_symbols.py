from common.inputs import StockInput
from infra.workflows.stream.symbols import fit


def watched(name: str, symbols: str) -> tuple[str, StockInput]:
    document = {
        "id": name,
        "source": "alpaca",
        "asset_class": "us_equity",
        "symbols": list(symbols),
    }
    return f"config of {name}", StockInput.model_validate(document)


def test_symbols_that_several_watch_count_once() -> None:
    symbols, exceeding = fit([watched("one", "AB"), watched("two", "BC")], (), 3)

    assert (symbols, len(exceeding)) == (frozenset("ABC"), 0)


def test_an_input_that_does_not_fit_is_named_and_the_others_go_on() -> None:
    inputs = [watched("one", "AB"), watched("large", "CDE"), watched("two", "BC")]

    assert fit(inputs, (), 3) == (frozenset("ABC"), [inputs[1]])


def test_what_is_followed_already_comes_before_what_is_new() -> None:
    inputs = [watched("new", "ABC"), watched("known", "XY")]

    assert fit(inputs, "XY", 3) == (frozenset("XY"), [inputs[0]])
