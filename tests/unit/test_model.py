from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.errors import BrokerRefusedError, MalformedMessageError
from common.messages import SnapshotsIngested
from common.model import (
    MAX_NESTING,
    Exact,
    Model,
    TolerantModel,
    json_path,
    parse_json,
    plain,
    readable,
)
from tests.unit.samples import NOON


class Tolerant(TolerantModel):
    needed: int
    optional: int | None = None


class Money(Model):
    amount: Exact


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=9, min_value=-(10**12), max_value=10**12
    )
)
def test_money_survives_a_round_trip_exactly(amount: Decimal) -> None:
    assert Money.from_json(Money(amount=amount).model_dump_json()).amount == amount


# SHIB/USD (alpaca-py issue 213), PEPE/USD and a billionth; a stock's average price.
@pytest.mark.parametrize(
    ("price", "shown"),
    [
        ("0.0000125", "0.0000125"),
        ("0.00000841775", "0.00000841775"),
        ("0.000004123456789", "0.00000412346"),
        ("1e-9", "0.000000001"),
        ("0.07035", "0.07035"),
        ("-0.0000125", "-0.0000125"),
        ("492.013333333", "492.0133"),
        ("1234", "1234"),
        ("0", "0"),
    ],
)
def test_a_price_is_never_shown_as_nothing(price: str, shown: str) -> None:
    assert readable(Decimal(price)) == shown


def test_money_goes_out_as_a_string() -> None:
    assert Money(amount=Decimal("10.50")).model_dump_json() == '{"amount":"10.5"}'


def test_a_binary_float_is_not_money() -> None:
    with pytest.raises(ValidationError, match="exact decimal"):
        Money.model_validate({"amount": 0.1})


@pytest.mark.parametrize(("number", "text"), [("1E+3", "1000"), ("0.10", "0.1"), ("100", "100")])
def test_plain_has_no_exponent_and_no_trailing_zeros(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


def test_json_numbers_stay_exact() -> None:
    assert parse_json('{"a": 0.1}') == {"a": Decimal("0.1")}


@pytest.mark.parametrize("text", ["", "NaN", "[Infinity]", "{", "[" * 100_000])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessageError, match="not JSON"):
        parse_json(text)


def _nested(depth: int, opening: str, closing: str) -> str:
    return opening * depth + "1" + closing * depth


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_a_document_nests_only_so_deep(opening: str, closing: str) -> None:
    containers = opening.count("[") + opening.count("{")
    assert parse_json(_nested(MAX_NESTING // containers, opening, closing))

    for depth in (MAX_NESTING // containers + 1, 2_000, 8_000):
        with pytest.raises(MalformedMessageError):
            parse_json(_nested(depth, opening, closing))


def test_a_path_reads_like_the_document() -> None:
    assert json_path(("rules", 0, "threshold_pct")) == "rules[0].threshold_pct"
    assert json_path(()) == "document"


def test_a_message_has_its_topic_and_survives_the_wire() -> None:
    message = SnapshotsIngested(ingested_at=NOON, stored=3)

    assert SnapshotsIngested.from_json(message.model_dump_json()) == message
    assert message.topic == "snapshots-ingested"


def test_a_refusal_names_status_message_and_request_id() -> None:
    error = BrokerRefusedError(403, "insufficient buying power", "req-1")

    assert str(error) == "broker answered 403: insufficient buying power (request id req-1)"
    assert (error.status, error.message) == (403, "insufficient buying power")


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(MalformedMessageError, match="stands twice"):
        parse_json('{"amount": "1", "amount": "2"}')


@pytest.mark.parametrize("document", [[], "text", {}, {"optional": 1}, {"needed": "much"}])
def test_a_tolerant_model_needs_what_cannot_be_missing(document: object) -> None:
    with pytest.raises(ValidationError):
        Tolerant.model_validate(document)


def test_a_tolerant_model_leaves_out_what_is_odd_and_may_be_missing() -> None:
    read = Tolerant.model_validate({"needed": 1, "optional": "much"})

    assert (read.needed, read.optional) == (1, None)
    assert [each.split(":")[0] for each in read.unread] == ["optional"]
