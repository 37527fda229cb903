from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from common.wire import to_wire

NEW_YORK_WINTER = timezone(timedelta(hours=-5))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1E+3"), "1000"),
        (Decimal("10.500"), "10.5"),
        (Decimal("-0.00000001"), "-0.00000001"),
        (datetime(2026, 2, 10, 12, 0, tzinfo=NEW_YORK_WINTER), "2026-02-10T17:00:00Z"),
        (datetime(2026, 2, 10, 17, 0, 0, 5, tzinfo=UTC), "2026-02-10T17:00:00.000005Z"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"a": (Decimal(1), None)}, {"a": ["1", None]}),
        ("text", "text"),
        (True, True),
        (7, 7),
    ],
)
def test_every_value_has_one_spelling(value: object, shown: object) -> None:
    assert to_wire(value) == shown
