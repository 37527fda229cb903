"""Settings that keep users within limits: who may come in, and how much each and all may take."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field


class LimitSettings(BaseModel, defer_build=True):
    """The limits that an operator can set; money in USD."""

    # Who may become a user: nobody, those listed, whose token has the claim, or everybody.
    enrollment: Literal["closed", "allow_list", "claim", "open"] = "closed"
    enrollment_allow_list: str = ""  # user ids, separated by commas
    enrollment_claim: str = "countersign"

    # Each user's ceilings, which no config can raise.
    hard_max_order_notional_usd: Annotated[Decimal, Field(gt=0)] = Decimal(1000)
    hard_max_orders_per_day: Annotated[int, Field(ge=0)] = 20
    hard_max_notional_usd_per_4h: Annotated[Decimal, Field(gt=0)] = Decimal(5000)
    # Those of all users together.
    hard_max_server_orders_per_day: Annotated[int, Field(ge=0)] = 200
    hard_max_server_notional_usd_per_day: Annotated[Decimal, Field(gt=0)] = Decimal(100_000)
    hard_max_server_notional_usd_per_4h: Annotated[Decimal, Field(gt=0)] = Decimal(50_000)
    hard_max_server_symbols: Annotated[int, Field(ge=1)] = 2000
    # What one user's config may cost everybody.
    max_stream_symbols: Annotated[int, Field(ge=1)] = 30
    max_data_requests_per_minute: Annotated[int, Field(ge=1)] = 50
    max_evaluation_cost: Annotated[int, Field(ge=1)] = 100_000
    # What one caller may ask of one instance of a function.
    max_caller_requests_per_minute: Annotated[int, Field(ge=1)] = 1200
    max_caller_requests_at_once: Annotated[int, Field(ge=1)] = 3

    @property
    def allow_list(self) -> frozenset[str]:
        """The users who may come in by name."""
        return frozenset(filter(None, map(str.strip, self.enrollment_allow_list.split(","))))
