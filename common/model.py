"""What our documents and messages are made of: frozen, strict about keys, exact about numbers."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from common.errors import MalformedMessageError


def _exact(value: object) -> object:
    """Refuse what is not a number at all, and binary floats, which are not the number written."""
    if isinstance(value, bool | float):
        raise ValueError("must be an exact decimal number")  # noqa: TRY004 (pydantic's protocol)
    return value


def plain(number: Decimal) -> str:
    """Write a decimal as people and brokers do: no exponent, no trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# A finite decimal. It goes out as a string, so that no reader can make a float of it unasked.
Exact = Annotated[
    Decimal,
    BeforeValidator(_exact),
    Field(allow_inf_nan=False),
    PlainSerializer(plain, return_type=str, when_used="json"),
]
Usd = Annotated[Exact, Field(gt=0, max_digits=14, decimal_places=2)]


class Model(BaseModel):
    """A frozen value; a key it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Parse JSON, keeping decimals exact; raises MalformedMessageError naming the fields."""
        return cls.from_document(parse_json(text))

    @classmethod
    def from_document(cls, document: object) -> Self:
        """Validate a parsed document; raises MalformedMessageError naming the fields."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise MalformedMessageError("; ".join(problems(error))) from error


def parse_json(text: str | bytes) -> Any:
    """Parse JSON with exact decimals; raises MalformedMessageError."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError(f"not JSON: {error}") from error


def problems(error: ValidationError) -> list[str]:
    """Say each problem as `path: what is wrong`."""
    return [f"{json_path(each['loc'])}: {each['msg']}" for each in error.errors()]


def json_path(location: Sequence[str | int]) -> str:
    """Write where something stands in a document: `rules[0].threshold_pct`."""
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in location)
    return path.removeprefix(".") or "document"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")
