from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from common.orders.request_budget import (
    KEPT_FOR_EACH,
    MINUTE,
    RESERVED_FOR_OTHERS,
    RateLimit,
    RequestBudget,
    in_turn,
)

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
    assert budget.served_by(160, now) == NOON + 2 * MINUTE
    assert RequestBudget([]).served_by(0, now) == now


def test_what_others_took_comes_back_when_the_broker_says() -> None:
    reported = RateLimit(per_minute=45, remaining=1, resets_at=NOON + 20 * SECOND)
    budget = RequestBudget([(NOON - 50 * SECOND, 2)], reported)

    served = [budget.served_by(ahead, NOON) for ahead in range(6)]

    ends = NOON + 20 * SECOND
    first = [NOON, NOON + 10 * SECOND, NOON + 10 * SECOND, ends, ends]
    assert served == [*first, NOON + MINUTE]


@given(
    used=st.lists(st.tuples(st.integers(-90, 0), st.integers(1, 3)), max_size=5),
    ahead=st.integers(0, 25),
)
def test_nobody_is_served_later_or_earlier_than_one_after_the_other(
    used: list[tuple[int, int]], ahead: int
) -> None:
    """Against requests that are made one by one, each at the first second that has room."""
    own = 5
    limit = RateLimit(own + RESERVED_FOR_OTHERS, own, NOON)
    budget = RequestBudget([(NOON + n * SECOND, count) for n, count in sorted(used)], limit)
    made = [n for n, count in used for _ in range(count)]
    second = 0
    for _ in range(ahead + 1):
        while sum(second - 60 < at <= second for at in made) >= own:
            second += 1
        made.append(second)

    assert budget.served_by(ahead, NOON) == NOON + second * SECOND


def test_a_reconciliation_has_what_is_kept_and_half_of_what_is_free() -> None:
    used_up = RequestBudget([(NOON, 160)])

    assert used_up.beside_orders(100, NOON) == KEPT_FOR_EACH
    assert RequestBudget([]).beside_orders(200, NOON) == KEPT_FOR_EACH + 80
    assert RequestBudget([]).beside_orders(3, NOON) == 3


@given(waiting=st.integers(0, 50), count=st.integers(1, 20), minute=st.integers(0, 10_000))
def test_each_has_its_turn(waiting: int, count: int, minute: int) -> None:
    rounds = -(-waiting // count)
    served: set[int] = set()

    for number in range(rounds):
        chosen = in_turn(range(waiting), count, NOON + (minute + number) * MINUTE)
        assert len(chosen) == len(set(chosen)) == min(count, waiting)
        served |= set(chosen)

    assert served == set(range(waiting))
