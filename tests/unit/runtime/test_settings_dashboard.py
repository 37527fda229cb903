"""The settings of the way to the dashboard's database."""

import inspect
from itertools import combinations

import annotated_types
import pytest

from infra.dashboard.d1 import D1
from infra.runtime.schedules import load_schedules
from infra.runtime.setting_values import CLOUDFLARE_API
from infra.runtime.settings import Settings, SettingsError

ALL_OF_D1 = {"CLOUDFLARE_API_TOKEN": "t", "CLOUDFLARE_ACCOUNT_ID": "a1", "D1_DATABASE_ID": "d-1"}


def read(**variables: str) -> Settings:
    return Settings.from_environment({"DATABASE_URL": "postgresql://h/d"} | variables)


def test_without_settings_nothing_is_sent_to_d1() -> None:
    assert read().d1_database_id == ""


def test_all_three_of_d1_are_taken() -> None:
    settings = read(**ALL_OF_D1)

    assert (settings.cloudflare_account_id, settings.d1_database_id) == ("a1", "d-1")
    assert settings.cloudflare_api_url == CLOUDFLARE_API


@pytest.mark.parametrize(
    "given", [names for size in (1, 2) for names in combinations(ALL_OF_D1, size)], ids="+".join
)
def test_a_part_of_d1_is_refused_by_name(given: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match=r"CLOUDFLARE_API_TOKEN.*D1_DATABASE_ID"):
        read(**{name: ALL_OF_D1[name] for name in given})


@pytest.mark.parametrize("name", ["CLOUDFLARE_ACCOUNT_ID", "D1_DATABASE_ID"])
@pytest.mark.parametrize("value", ["a/b", "..", "a?b", "a b", "a%2fb", "a\n"])
def test_an_id_that_would_change_the_url_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read(**ALL_OF_D1 | {name: value})


@pytest.mark.parametrize(
    "url", ["http://api.cloudflare.com/client/v4", "https://evil.example", f"{CLOUDFLARE_API}/x"]
)
def test_the_token_goes_to_cloudflare_and_nowhere_else(url: str) -> None:
    with pytest.raises(SettingsError, match="CLOUDFLARE_API_URL"):
        read(CLOUDFLARE_API_URL=url)


@pytest.mark.parametrize("seconds", ["0", "-1", "181", "soon"])
def test_a_deadline_beyond_the_schedulers_is_refused(seconds: str) -> None:
    with pytest.raises(SettingsError, match="SNAPSHOT_DEADLINE_SECONDS"):
        read(SNAPSHOT_DEADLINE_SECONDS=seconds)


def test_both_ways_to_the_dashboard_end_before_the_scheduler_gives_up() -> None:
    longest = next(
        limit.le
        for limit in Settings.model_fields["snapshot_deadline_seconds"].metadata
        if isinstance(limit, annotated_types.Le)
    )
    d1 = inspect.signature(D1).parameters["deadline_seconds"].default
    pushes = [job for job in load_schedules() if job.function == "push_snapshot"]

    assert pushes
    assert all(job.attempt_deadline_seconds >= longest + d1 + 60 for job in pushes)


@pytest.mark.parametrize("name", ["INTERNAL_TOKEN", "SIGNING_SECRET", "CLOUDFLARE_API_TOKEN"])
@pytest.mark.parametrize("damaged", ["s3cret\n", "s3cret\r\n", " s3cret", "s3\ncret", "s3cret\x00"])
def test_a_secret_with_a_stray_line_end_is_refused_by_name(name: str, damaged: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: has characters that cannot be sent") as told:
        read(**ALL_OF_D1 | {name: damaged})

    assert "s3" not in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://dashboard.example",
        "http://127.0.0.1.evil.example",
        "http://localhost@evil.example",
        "https://user@dashboard.example",
        "ftp://dashboard.example",
        "dashboard.example",
        "https://",
        "https://a b",
    ],
)
def test_a_dashboard_without_tls_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="HAIPHEN_API_URL: must be https, or on this"):
        read(HAIPHEN_API_URL=url)


@pytest.mark.parametrize(
    "url",
    [
        "https://dashboard.example",
        "https://dashboard.example:8443/api/",
        "http://127.0.0.1:8787",
        "http://localhost:8787/",
        "http://[::1]:8787",
    ],
)
def test_a_dashboard_with_tls_or_on_this_machine_is_taken(url: str) -> None:
    assert read(HAIPHEN_API_URL=url).haiphen_api_url == url


@pytest.mark.parametrize(
    "endpoint", ["http://evil.example/v1", "//evil.example/v1", "v1/x", "/v1/../x?y", "/a b", "/"]
)
def test_an_endpoint_that_would_take_the_token_elsewhere_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="SNAPSHOT_ENDPOINT"):
        read(SNAPSHOT_ENDPOINT=endpoint)


def test_an_endpoint_is_a_path() -> None:
    assert read(SNAPSHOT_ENDPOINT="/v2/snapshots").snapshot_endpoint == "/v2/snapshots"
