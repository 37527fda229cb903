from collections import Counter

from infra.local.docs import glossary
from tests.conftest import ROOT


def test_the_glossary_is_current() -> None:
    assert (ROOT / "docs/glossary.md").read_text() == glossary.page()


def test_every_public_name_is_explained() -> None:
    assert [name for name, _, meaning in glossary.public_names() if not meaning] == []


def test_no_name_has_two_meanings() -> None:
    counts = Counter(name for name, _, _ in glossary.public_names())

    assert [name for name, count in counts.items() if count > 1] == []
