"""How strong a secret must be, at the edge."""

from base64 import b64encode

import pytest

from infra.runtime.secret_strength import weakness


@pytest.mark.parametrize("name", ["internal_token", "signing_secret"])
def test_sixteen_characters_are_enough_and_fifteen_are_not(name: str) -> None:
    assert weakness(name, "a" * 16) is None
    assert weakness(name, "a" * 15) is not None


@pytest.mark.parametrize(("size", "strong"), [(23, False), (24, True), (64, True), (65, False)])
def test_a_webhook_secret_has_as_many_bytes_as_its_standard_says(
    size: int, *, strong: bool
) -> None:
    key = b64encode(bytes(range(size))).decode()

    for text in (key, key.rstrip("=")):
        assert (weakness("answer_webhook_secret", f"whsec_{text}") is None) is strong


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_ab", "whsec_" + "*" * 32, "A" * 32])
def test_what_is_no_webhook_secret_is_refused_unquoted(text: str) -> None:
    found = weakness("answer_webhook_secret", text)

    assert found is not None
    assert text.removeprefix("whsec_") not in found or len(text) < 9


def test_what_others_chose_is_not_judged() -> None:
    assert weakness("alpaca_api_secret_key", "a") is None
