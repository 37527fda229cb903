"""What a check finds, and what it is to be done about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from infra.clients import Clients

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class CheckResult:
    """One line of the doctor's report; `advice` says what to do unless all is well."""

    check: str
    status: Status
    message: str
    advice: str = ""


Check = Callable[[Clients], Iterator[CheckResult]]
