"""The real client of Secret Manager against a server that speaks Google's published protocol."""

import logging
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.cloud import secretmanager_v1
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcTransport,
)

from common.errors import PermanentError, TransientError
from functions import wiring
from infra.clients import Clients
from infra.gcp import secret_manager
from infra.gcp.secret_manager import FRESH_FOR, PAUSE, USABLE_FOR, SecretManager
from infra.runtime import log_context, redaction
from infra.runtime.json_logs import CloudFormatter
from infra.runtime.secrets import Secrets
from infra.runtime.settings import Settings, SettingsError
from tests.contract.gcp.google import grpc_server

NAME = "projects/p/secrets/alpaca-key/versions/latest"
SECRET = "AK-first-value"
SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"
TICK = timedelta(seconds=1)


class Google:
    """Secret Manager: the versions that it holds, and what it does instead of answering."""

    def __init__(self) -> None:
        self.versions: dict[str, bytes] = {NAME: SECRET.encode()}
        self.asked: list[str] = []
        self.failure: tuple[grpc.StatusCode, str] | None = None
        self.delay_seconds = 0.0

    def access(
        self, request: secretmanager_v1.AccessSecretVersionRequest, context: grpc.ServicerContext
    ) -> secretmanager_v1.AccessSecretVersionResponse:
        self.asked.append(request.name)
        time.sleep(self.delay_seconds)
        if self.failure is not None:
            context.abort(*self.failure)
        if request.name not in self.versions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret [{request.name}] not found.")
        data = self.versions[request.name]
        return secretmanager_v1.AccessSecretVersionResponse(
            name=request.name, payload={"data": data}
        )


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 2, 10, 17, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(google: Google) -> Iterator[secretmanager_v1.SecretManagerServiceClient]:
    methods = {
        "AccessSecretVersion": (
            secretmanager_v1.AccessSecretVersionRequest,
            secretmanager_v1.AccessSecretVersionResponse,
            google.access,
        )
    }
    with grpc_server(SERVICE, methods) as channel:
        transport = SecretManagerServiceGrpcTransport(channel=channel)
        yield secretmanager_v1.SecretManagerServiceClient(transport=transport)


@pytest.fixture
def secrets(client: secretmanager_v1.SecretManagerServiceClient, clock: Clock) -> SecretManager:
    return SecretManager(clock, lambda: client)


def rotate(google: Google, value: str) -> None:
    google.versions[NAME] = value.encode()


class TestCache:
    def test_a_value_is_asked_for_once_in_a_few_minutes(
        self, secrets: SecretManager, google: Google, clock: Clock
    ) -> None:
        assert secrets.read(NAME) == SECRET
        clock.at += FRESH_FOR - TICK
        assert secrets.read(NAME) == SECRET

        assert google.asked == [NAME]

    def test_a_rotation_is_seen_after_a_few_minutes(
        self, secrets: SecretManager, google: Google, clock: Clock
    ) -> None:
        secrets.read(NAME)
        rotate(google, "AK-second-value")
        clock.at += FRESH_FOR

        assert secrets.read(NAME) == "AK-second-value"

    def test_an_outage_is_bridged_for_an_hour_and_no_longer(
        self, secrets: SecretManager, google: Google, clock: Clock
    ) -> None:
        secrets.read(NAME)
        google.failure = grpc.StatusCode.UNAVAILABLE, "try later"

        clock.at += USABLE_FOR - TICK
        assert secrets.read(NAME) == SECRET
        clock.at += PAUSE
        with pytest.raises(TransientError):
            secrets.read(NAME)

    def test_during_an_outage_it_is_left_alone_between_attempts(
        self, secrets: SecretManager, google: Google, clock: Clock
    ) -> None:
        secrets.read(NAME)
        google.failure = grpc.StatusCode.UNAVAILABLE, "try later"
        clock.at += FRESH_FOR
        for _ in range(5):
            secrets.read(NAME)
        assert len(google.asked) == 2

        google.failure = None
        rotate(google, "AK-second-value")
        clock.at += PAUSE
        assert secrets.read(NAME) == "AK-second-value"

    @pytest.mark.parametrize(
        "answer",
        [
            (grpc.StatusCode.PERMISSION_DENIED, "denied"),
            (grpc.StatusCode.NOT_FOUND, "gone"),
            (grpc.StatusCode.FAILED_PRECONDITION, "Secret Version is in DISABLED state."),
        ],
    )
    def test_what_was_taken_from_us_serves_no_more_even_in_a_later_outage(
        self,
        secrets: SecretManager,
        google: Google,
        clock: Clock,
        answer: tuple[grpc.StatusCode, str],
    ) -> None:
        secrets.read(NAME)
        clock.at += FRESH_FOR
        google.failure = answer
        with pytest.raises(PermanentError):
            secrets.read(NAME)

        google.failure = grpc.StatusCode.UNAVAILABLE, "try later"
        with pytest.raises(TransientError):
            secrets.read(NAME)


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "details", "kind", "words"),
        [
            (grpc.StatusCode.NOT_FOUND, "no", PermanentError, "create it and add a version"),
            (grpc.StatusCode.PERMISSION_DENIED, "no", PermanentError, "secretmanager.secretAccess"),
            (grpc.StatusCode.UNAUTHENTICATED, "no", PermanentError, "application-default login"),
            (
                grpc.StatusCode.FAILED_PRECONDITION,
                "Secret Version is in DESTROYED state.",
                PermanentError,
                "DESTROYED",
            ),
            (grpc.StatusCode.INVALID_ARGUMENT, "bad name", PermanentError, "bad name"),
            (grpc.StatusCode.UNAVAILABLE, "later", TransientError, "cannot be reached"),
            (grpc.StatusCode.RESOURCE_EXHAUSTED, "quota", TransientError, "cannot be reached"),
            (grpc.StatusCode.INTERNAL, "oops", TransientError, "cannot be reached"),
            (grpc.StatusCode.ABORTED, "oops", TransientError, "cannot be reached"),
            (grpc.StatusCode.CANCELLED, "oops", TransientError, "cannot be reached"),
        ],
    )
    def test_each_answer_says_what_to_do_and_whether_to_try_again(
        self,
        secrets: SecretManager,
        google: Google,
        code: grpc.StatusCode,
        details: str,
        kind: type[Exception],
        words: str,
    ) -> None:
        google.failure = code, details

        with pytest.raises(kind, match=words) as raised:
            secrets.read(NAME)

        assert NAME in str(raised.value)
        assert len(google.asked) == 1, "retries are the caller's"

    def test_no_answer_in_time_is_transient(
        self, secrets: SecretManager, google: Google, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(secret_manager, "_TIMEOUT_SECONDS", 0.05)
        google.delay_seconds = 0.3

        with pytest.raises(TransientError, match="DeadlineExceeded"):
            secrets.read(NAME)

    def test_bytes_that_are_no_text_are_refused_without_being_quoted(
        self, secrets: SecretManager, google: Google
    ) -> None:
        google.versions[NAME] = b"\xffsecret-bytes"

        with pytest.raises(PermanentError, match="not text") as raised:
            secrets.read(NAME)

        assert "secret-bytes" not in "".join(traceback.format_exception(raised.value))


class TestSettings:
    """A setting's secret may be such a name."""

    @pytest.fixture
    def known(self, secrets: SecretManager) -> Secrets:
        given = {"DATABASE_URL": "postgresql://localhost/x", "ALPACA_API_SECRET_KEY": NAME}
        plain = {"SIGNING_SECRET": "plain-secret-value"}
        return Secrets(Settings.from_environment(given | plain), secrets.read)

    def test_a_name_stands_for_its_present_value_and_anything_else_for_itself(
        self, known: Secrets, google: Google
    ) -> None:
        assert known.reveal("signing_secret") == "plain-secret-value"
        assert google.asked == []
        assert known.reveal("alpaca_api_secret_key") == SECRET

    def test_a_deployed_process_reads_it_as_whoever_it_runs_as(
        self,
        client: secretmanager_v1.SecretManagerServiceClient,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(secretmanager_v1, "SecretManagerServiceClient", lambda: client)
        given = {"DATABASE_URL": "postgresql://localhost/x", "ALPACA_API_SECRET_KEY": NAME}
        clients = Clients(Settings.from_environment(given))

        assert clients.secrets.reveal("alpaca_api_secret_key") == SECRET

        clients.close()

    def test_what_a_person_must_repair_names_the_setting_and_the_secret(
        self, known: Secrets, google: Google
    ) -> None:
        google.failure = grpc.StatusCode.PERMISSION_DENIED, "no"

        with pytest.raises(SettingsError, match=rf"^ALPACA_API_SECRET_KEY: secret {NAME}"):
            known.reveal("alpaca_api_secret_key")

    def test_an_outage_stays_transient(self, known: Secrets, google: Google) -> None:
        google.failure = grpc.StatusCode.UNAVAILABLE, "no"

        with pytest.raises(TransientError):
            known.reveal("alpaca_api_secret_key")

    @pytest.mark.parametrize("value", ["", "\n", f"{SECRET}\n", f" {SECRET}", "AK-värde", "AK a b"])
    def test_a_damaged_value_is_refused_without_being_quoted(
        self, known: Secrets, google: Google, value: str
    ) -> None:
        rotate(google, value)

        with pytest.raises(SettingsError, match="ALPACA_API_SECRET_KEY") as raised:
            known.reveal("alpaca_api_secret_key")

        assert "AK" not in str(raised.value).replace("ALPACA", "")

    def test_what_was_read_is_in_no_log(self, known: Secrets, google: Google) -> None:
        rotate(google, "AK-never-to-be-seen")
        value = known.reveal("alpaca_api_secret_key")

        record = logging.LogRecord("x", logging.INFO, "f", 1, "got %s", (value,), None)

        assert log_context.current() == {}
        assert redaction.HIDDEN in CloudFormatter().format(record)
        assert value not in CloudFormatter().format(record)


@pytest.mark.usefixtures("environment")
def test_a_rotated_key_reaches_a_client_that_is_kept(
    secrets: SecretManager,
    google: Google,
    clock: Clock,
    environment: pytest.MonkeyPatch,
    simulator: Any,
) -> None:
    environment.setenv("ALPACA_API_SECRET_KEY", NAME)
    wiring.reset()
    app = wiring.current()
    app.secrets._read = secrets.read
    rotate(google, "wrong-key-until-rotated")
    with pytest.raises(PermanentError, match=r"40[13]"):
        app.trading.account()

    rotate(google, simulator.secret_key)
    clock.at += FRESH_FOR

    assert app.trading.account().blocked is False
