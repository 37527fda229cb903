"""What speed rests on is as it was when it was measured; `make bench-check` says the same."""

import json

from tests.bench import check


def test_statements_requests_and_pages_are_as_expected(postgres: str) -> None:
    assert check.problems(check.counted(postgres)) == []


def test_a_count_that_grew_is_named() -> None:
    counts = json.loads(check._EXPECTED.read_text())

    counts["statements of a piece, among few"] += 1
    counts["pages a user, among many"] *= 2

    assert len(check.problems(counts)) == 2
