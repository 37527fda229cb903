"""A secret is read by `Secrets` alone: anywhere else its name in Secret Manager would be sent."""

import re

from pydantic import SecretStr

from infra.runtime.settings import Settings
from tests.conftest import ROOT

SECRETS = [n for n, field in Settings.model_fields.items() if field.annotation is SecretStr]
READS = re.compile(rf"""get_secret_value|settings\.require\(\s*["'](?:{"|".join(SECRETS)})["']""")
WHERE_THEY_ARE_READ = {"infra/runtime/settings.py", "infra/runtime/secrets.py"}


def test_no_code_but_their_own_reads_a_secret_setting() -> None:
    assert READS.search('settings.require("internal_token")')

    readers = {
        str(path.relative_to(ROOT))
        for folder in ("functions", "infra")
        for path in (ROOT / folder).rglob("*.py")
        if READS.search(path.read_text())
    }

    assert readers - WHERE_THEY_ARE_READ == set()
