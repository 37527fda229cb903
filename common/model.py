"""What our documents and messages are made of: frozen, strict about keys, exact about numbers."""

import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from common.bounds import Number
from common.errors import MalformedMessageError

# A document's readers may recurse into it. Nothing that we exchange nests a quarter as deep.
MAX_NESTING = 64


def _exact(value: object) -> object:
    """Refuse what is not a number at all, and binary floats, which are not the number written."""
    if isinstance(value, bool | float):
        raise ValueError("must be an exact decimal number")  # noqa: TRY004 (pydantic's protocol)
    return value


def plain(number: Decimal) -> str:
    """Write a decimal as people and brokers do: no exponent, no trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def readable(number: Decimal) -> str:
    """Write a number with four decimals, and a small one with six digits: a price never as 0."""
    places = 5 - number.adjusted() if 0 < abs(number) < 1 else 4
    return plain(number.quantize(Decimal(1).scaleb(-places)))


# A decimal of ordinary size. It goes out as a string, so that no reader can make a float of it.
Exact = Annotated[
    Number,
    BeforeValidator(_exact),
    PlainSerializer(plain, return_type=str, when_used="json"),
]
Usd = Annotated[Exact, Field(gt=0, max_digits=14, decimal_places=2)]


class Model(BaseModel):
    """A frozen value; a key it does not know is refused."""

    # Validators are built when first used: a cold start pays only for the models it needs.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

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
            raise MalformedMessageError(*problems(error, document)) from error


class WireModel(BaseModel):
    """What somebody else says, as a frozen value: keys that we do not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class TolerantModel(WireModel):
    """A wire model that is read as far as it can be.

    An odd value of a field that may be missing counts as missing. `unread` says which values were
    odd, and why.
    """

    _unread: tuple[str, ...] = PrivateAttr(())

    @property
    def unread(self) -> tuple[str, ...]:
        """The problems of the values that were left out."""
        return self._unread

    @model_validator(mode="wrap")
    @classmethod
    def _leave_out_what_is_odd(cls, raw: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return read(raw)
        except ValidationError as error:
            odd = {each["loc"][0] for each in error.errors() if each["loc"]}
            if not isinstance(raw, dict) or not odd & raw.keys():
                raise
            try:
                found = read({key: value for key, value in raw.items() if key not in odd})
            except ValidationError:  # one that is needed: say what was odd, not that it is missing
                raise error from None
            found._unread = tuple(problems(error))  # noqa: SLF001 (of this very class)
            return found


def parse_json(text: str | bytes) -> Any:
    """Parse JSON with exact decimals; raises MalformedMessageError, for deep nesting, too."""
    try:
        document = json.loads(
            text.decode() if isinstance(text, bytes) else text,
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError(f"not JSON: {error}") from error
    if _is_deeper(document, MAX_NESTING):
        raise MalformedMessageError(f"nested more than {MAX_NESTING} deep")
    return document


def _is_deeper(document: Any, levels: int) -> bool:
    """Return whether containers nest deeper; walks level by level, so that no depth can hurt."""
    containers = [document] if isinstance(document, dict | list) else []
    while containers and levels:
        levels -= 1
        containers = [
            value
            for container in containers
            for value in (container.values() if isinstance(container, dict) else container)
            if isinstance(value, dict | list)
        ]
    return bool(containers)


def content_hash(document: Any) -> str:
    """Return a short, stable name for a JSON document's content (the keys' order is irrelevant)."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# Enough for a person; a document can have thousands, each with its path.
MOST_PROBLEMS = 50
# A key can be as long as its document, and what is said of it is logged, too.
LONGEST_KEY_SHOWN = 100


def problems(error: ValidationError, document: object = None) -> list[str]:
    """Say each problem as `path: what is wrong`, in the words of the document.

    A list that is too short only because its items are wrong is not a problem of its own.
    """
    found = error.errors()
    inner = {each["loc"][:depth] for each in found for depth in range(len(each["loc"]))}
    shown = [each for each in found if each["type"] != "too_short" or each["loc"] not in inner]
    return [_problem(each, document) for each in shown[:MOST_PROBLEMS]]


def _problem(error: ErrorDetails, document: object) -> str:
    """Say one problem in the words of the document, and where it can what would be right."""
    path, context = json_path(error["loc"], document), error.get("ctx", {})
    if error["type"].startswith("union_tag"):
        key = str(context.get("discriminator", "")).strip("'")
        known = context.get("expected_tags")
        message = f"must be one of {known}" if known else "is missing"
        return f"{path}.{key}: {message}".removeprefix("document.")
    if error["type"] == "extra_forbidden":
        return f"{path}: there is no such field"
    return f"{path}: {error['msg'].removeprefix('Value error, ')}"


def json_path(location: Sequence[str | int], document: object = None) -> str:
    """Write where something stands in a document: `rules[0].threshold_pct`.

    pydantic puts the tag of a union's variant into the location; it stands nowhere in the document
    and is left out.
    """
    path, at = "", document
    for number, key in enumerate(location):
        last = number == len(location) - 1
        if isinstance(key, int):
            path += f"[{key}]"
            at = at[key] if isinstance(at, list | tuple) and key < len(at) else None
        elif (isinstance(at, dict) and (last or key in at)) or at is None:
            path += f".{key if len(key) <= LONGEST_KEY_SHOWN else key[:LONGEST_KEY_SHOWN] + '…'}"
            at = at.get(key) if isinstance(at, dict) else None
    return path.removeprefix(".") or "document"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: of two readers each might take another."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return document


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")
