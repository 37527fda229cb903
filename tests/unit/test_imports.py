"""An entry point imports no heavy client that it does not use: its cold start pays for each."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from functions import main
from tests.conftest import ROOT

HEAVY = (
    "grpc",
    "google.api_core",
    "google.auth",
    "google.cloud.scheduler",
    "google.cloud.scheduler_v1",
    "google.cloud.secretmanager",
    "google.cloud.secretmanager_v1",
    "google.cloud.sql",
    "google.cloud.pubsub",
    "aiohttp",
    "cryptography",
    "matplotlib",
    "numpy",
    "scipy",
    "pandas",
    "QuantLib",
    "yaml",
    "rich",
    "infra.local",
    "infra.cli",
)
_CODE = """
import sys
{how}
print([name for name in {heavy!r} if name in sys.modules])
"""


def imported(how: str, unwanted: Sequence[str] = HEAVY) -> str:
    code = _CODE.format(how=how, heavy=unwanted)
    done = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("name", main.__all__)
def test_an_entry_point_imports_no_heavy_client(name: str) -> None:
    assert imported(f"from functions.{name} import {name}") == "[]"


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("push_snapshot", ("common.rules", "infra.alpaca.trading", "infra.workflows.outbox_relay")),
        ("answer", ("infra.alpaca.trading", "infra.alpaca.market_data")),
    ],
)
def test_an_entry_point_imports_no_client_of_others(name: str, others: Sequence[str]) -> None:
    assert imported(f"from functions.{name} import {name}", others) == "[]"


def test_all_of_them_as_they_are_deployed_import_none_either() -> None:
    assert imported("import functions.main") == "[]"


def test_wiring_a_function_up_imports_none_either() -> None:
    wire = (
        "from functions.wiring import Wiring; from infra.runtime.settings import Settings;"
        "app = Wiring(Settings.from_environment({'DATABASE_URL': 'postgresql://localhost/x',"
        "'ALPACA_API_KEY_ID': 'projects/p/secrets/s/versions/latest',"
        "'ALPACA_API_SECRET_KEY': 'projects/p/secrets/s/versions/latest',"
        "'GOOGLE_CLOUD_PROJECT': 'p'}));"
        "app.trading, app.market_data, app.relay"
    )

    assert imported(wire) == "[]"


def test_the_list_is_one_that_can_fail() -> None:
    assert "google.cloud.scheduler_v1" in imported("import google.cloud.scheduler_v1")
