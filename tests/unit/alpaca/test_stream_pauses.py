"""How long a stream that broke is left alone."""

import pytest

from infra.alpaca.stream.connection import longest_pause


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(0, 0.5), (1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (10_000, 30)]
)
def test_each_pause_is_twice_the_last_up_to_a_bound(attempt: int, seconds: float) -> None:
    assert longest_pause(0.5, attempt) == seconds
