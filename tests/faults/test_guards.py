"""What `make mutations` takes away is where it looks for it."""

import pytest

from tests.conftest import ROOT
from tests.faults.guards import MUTATIONS, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.guard)
def test_what_a_mutation_replaces_is_there_once(mutation: Mutation) -> None:
    for edit in mutation.edits:
        assert (ROOT / edit.path).read_text().count(edit.guard) == 1, edit.path
