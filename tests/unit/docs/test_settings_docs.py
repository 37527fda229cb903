from infra.local.docs import settings_docs
from infra.runtime.settings import Settings
from tests.conftest import ROOT

EXAMPLE = ROOT / ".env.example"


def test_every_setting_is_described_and_nothing_else() -> None:
    assert settings_docs.DESCRIPTIONS.keys() == {name.upper() for name in Settings.model_fields}


def test_the_page_is_current() -> None:
    assert (ROOT / "docs/settings.md").read_text() == settings_docs.page()


def test_the_example_is_current() -> None:
    assert EXAMPLE.read_text() == settings_docs.example()


def test_the_example_names_every_setting_at_its_default() -> None:
    given = dict(
        line.split("=", 1)
        for line in EXAMPLE.read_text().splitlines()
        if not line.startswith("#") and line
    )

    assert given.keys() == {name.upper() for name in Settings.model_fields}
    assert Settings.without_database(given) == Settings.without_database({})
