"""How long a stream that broke is left alone."""

import pytest

from infra.alpaca.stream.connection import longest_pause, pause


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(0, 0.5), (1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (10_000, 30)]
)
def test_each_pause_is_twice_the_last_up_to_a_bound(attempt: int, seconds: float) -> None:
    assert longest_pause(0.5, attempt) == seconds


def test_many_that_were_cut_off_at_once_do_not_come_back_at_once() -> None:
    pauses = sorted({pause(0.5, 3) for _ in range(500)})

    assert 2 <= pauses[0] < 2.2
    assert 3.8 < pauses[-1] <= 4
    assert len(pauses) > 400
