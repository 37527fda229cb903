"""What a check finds, and what it is to be done about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from common.errors import TradingError
from infra.runtime import redaction

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class CheckResult:
    """One line of the doctor's report; `advice` says what to do unless all is well."""

    check: str
    status: Status
    message: str
    advice: str = ""


def carry_out(
    name: str, check: Callable[[], Iterator[CheckResult]], advice: str
) -> Iterator[CheckResult]:
    """Yield what a check finds; when it breaks, that, with `advice`, and the others go on."""
    try:
        yield from check()
    except TradingError as error:
        yield CheckResult(name, "fail", str(error), advice)
    except Exception as error:  # noqa: BLE001 (a check that breaks must not hide the others)
        message = f"{type(error).__name__}: {redaction.clean(str(error))}"
        yield CheckResult(name, "fail", message, advice)
