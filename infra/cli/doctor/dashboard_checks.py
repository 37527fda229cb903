"""Checks of the dashboard: whether it answers, tells the same time, and takes our secrets."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from common.errors import PermanentError
from infra.clients import Clients
from infra.dashboard.retries import RefusedError
from infra.runtime.clock import SystemClock
from infra.runtime.http_errors import TIMEOUT, transport_errors
from infra.runtime.settings import SettingsError
from infra.runtime.tls import tls_context
from infra.workflows.doctor.result import CheckResult
from infra.workflows.kpis.push import dashboard_api

# Webhooks are refused from five minutes on; a clock that is off by seconds is already unwell.
_NOTABLE, _TOO_MUCH = timedelta(seconds=5), timedelta(minutes=1)


def dashboard(environment: Clients) -> Iterator[CheckResult]:
    """Check that the dashboard answers, and compare its clock with ours."""
    url = environment.settings.require("haiphen_api_url")
    with (
        httpx.Client(verify=tls_context(), timeout=TIMEOUT) as client,
        transport_errors("the dashboard", writes=False),
    ):
        reply = client.get(url)
        now = SystemClock().now()
    if reply.is_server_error:
        message = f"answers {reply.status_code}"
        yield CheckResult(
            "dashboard", "fail", message, "HAIPHEN_API_URL is right, the dashboard is not"
        )
    else:
        yield CheckResult("dashboard", "ok", "reachable")
        yield from _secrets(environment)
    yield _skew(reply.headers.get("date", ""), now)


def _secrets(environment: Clients) -> Iterator[CheckResult]:
    """Prove both secrets, and that the endpoint is there: nothing is written for it."""
    try:
        with closing(dashboard_api(environment.settings, environment.secrets)) as api:
            api.prove_secrets()
    except SettingsError:
        return  # a secret that is not there or not readable is named by its own check
    except RefusedError as error:
        yield CheckResult("dashboard", "fail", str(error), _advice(error))
    except PermanentError as error:
        advice = "HAIPHEN_API_URL leads to something that is not the dashboard's API"
        yield CheckResult("dashboard", "fail", str(error), advice)
    else:
        accepted = "INTERNAL_TOKEN and SIGNING_SECRET are accepted"
        yield CheckResult("dashboard", "ok", accepted)


def _advice(error: RefusedError) -> str:
    if error.status != HTTPStatus.FORBIDDEN:
        return "correct HAIPHEN_API_URL and SNAPSHOT_ENDPOINT"
    # The token is looked at first, so that a word about the signature means that it was right.
    name = "SIGNING_SECRET" if "signature" in str(error).lower() else "INTERNAL_TOKEN"
    return f"{name} is not the dashboard's: set both to the same value"


def _skew(date: str, now: datetime) -> CheckResult:
    try:
        skew = abs(now - parsedate_to_datetime(date).astimezone(UTC))
    except ValueError:
        advice = "compare this machine's clock with another"
        return CheckResult("clock", "warn", "the dashboard does not tell the time", advice)
    message = f"{skew.total_seconds():.0f} s from the dashboard's"
    if skew > _TOO_MUCH:
        advice = "set this machine's clock: webhooks are refused from five minutes on"
        return CheckResult("clock", "fail", message, advice)
    if skew > _NOTABLE:
        return CheckResult("clock", "warn", message, "set this machine's clock")
    return CheckResult("clock", "ok", message)
