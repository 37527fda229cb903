from infra.local.docs import settings_docs
from infra.runtime.settings import Settings
from tests.conftest import ROOT


def test_every_setting_is_described_and_nothing_else() -> None:
    assert settings_docs.DESCRIPTIONS.keys() == {name.upper() for name in Settings.model_fields}


def test_the_page_is_current() -> None:
    assert (ROOT / "docs/settings.md").read_text() == settings_docs.page()
