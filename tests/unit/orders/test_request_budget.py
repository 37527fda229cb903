from datetime import UTC, datetime, timedelta

from common.orders.request_budget import MINUTE, RESERVED_FOR_OTHERS, RateLimit, RequestBudget

NOON = datetime(2026, 2, 10, 17, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_an_unused_budget_leaves_room_for_others() -> None:
    assert RequestBudget([]).free(NOON) == 200 - RESERVED_FOR_OTHERS


def test_what_was_used_comes_back_after_a_minute() -> None:
    budget = RequestBudget([(NOON, 160)])

    assert budget.free(NOON + 59 * SECOND) == 0
    assert budget.free(NOON + MINUTE) == 160


def test_the_response_says_what_the_limit_is() -> None:
    reported = RateLimit(per_minute=1000, remaining=3, resets_at=NOON + SECOND)

    assert RequestBudget([], reported).free(NOON) == 3
    assert RequestBudget([], reported).free(NOON + SECOND) == 1000 - RESERVED_FOR_OTHERS
    assert RequestBudget([], RateLimit(10, 10, NOON)).per_minute == 1


def test_who_waits_is_served_when_enough_came_back() -> None:
    budget = RequestBudget([(NOON, 100), (NOON + SECOND, 60)])
    now = NOON + 2 * SECOND

    assert budget.served_by(99, now) == NOON + MINUTE
    assert budget.served_by(100, now) == NOON + SECOND + MINUTE
    assert budget.served_by(160, now) == now + 2 * MINUTE
    assert RequestBudget([]).served_by(0, now) == now
