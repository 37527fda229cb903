"""Checks of what others run: the broker, the dashboard, and Google's services."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from common.errors import BrokerRefusedError
from common.market import trading_day
from common.messages import OrderApproved, QuestionCreated, SnapshotsIngested, TradeUpdate
from infra.cli.doctor.environment import Patient
from infra.cli.doctor.result import Finding
from infra.gcp.scheduler import ENABLED, Job
from infra.runtime.clock import SystemClock
from infra.runtime.http_errors import TIMEOUT, transport_errors
from infra.runtime.schedules import load_schedules

TOPICS = tuple(m.topic for m in (SnapshotsIngested, QuestionCreated, OrderApproved, TradeUpdate))
_AHEAD = timedelta(days=10)
# Webhooks are refused from five minutes on; a clock that is off by seconds is already unwell.
_NOTABLE, _TOO_MUCH = timedelta(seconds=5), timedelta(minutes=1)
_SYMBOL = "SPY"


def broker(patient: Patient) -> Iterator[Finding]:
    """Check that the keys open the account that is meant: paper, or live with both keys turned."""
    known = patient.settings
    kind = "live" if known.broker_is_live else "paper"
    where = "the simulator" if known.question_pipeline_test_mode else f"the {kind} account"
    try:
        account = patient.trading.account()
    except BrokerRefusedError as error:
        advice = f"use keys of {where}: paper keys begin with PK, live ones with AK"
        yield Finding("broker", "fail", f"{where} refuses the keys: {error}", advice)
        return
    if account.blocked:
        said, advice = f"{where} is blocked or not active", "look into it at the broker"
        yield Finding("broker", "fail", said, advice)
    elif known.broker_is_live:
        said = f"the keys open the LIVE account, buying power ${account.buying_power}"
        yield Finding("broker", "warn", said, "orders spend real money: go on only if it is meant")
    else:
        said = f"the keys open {where}, buying power ${account.buying_power}"
        yield Finding("broker", "ok", said)


def market_data(patient: Patient) -> Iterator[Finding]:
    """Check that the feed of the settings is readable with these keys."""
    feed = patient.settings.alpaca_data_feed
    try:
        quote = patient.market_data.latest_quotes([_SYMBOL], feed).get(_SYMBOL)
    except BrokerRefusedError as error:
        advice = "ALPACA_DATA_FEED=iex needs no subscription; sip does"
        yield Finding("market data", "fail", f"feed {feed} is refused: {error}", advice)
        return
    if quote is None:
        said, advice = f"feed {feed} has no quote of {_SYMBOL}", "orders are denied without one"
        yield Finding("market data", "warn", said, advice)
    else:
        yield Finding("market data", "ok", f"feed {feed}: {_SYMBOL} at {quote.bid} / {quote.ask}")


def calendar(patient: Patient) -> Iterator[Finding]:
    """Check that the exchange's calendar is readable."""
    today = trading_day(patient.clock.now())
    days = patient.trading.calendar(today, today + _AHEAD)
    sessions = [day.date for day in days if day.regular is not None]
    if sessions:
        said = f"{len(sessions)} sessions in {_AHEAD.days} days, the first on {sessions[0]}"
        yield Finding("calendar", "ok", said)
    else:
        said, advice = f"no session in the next {_AHEAD.days} days", "orders would be denied"
        yield Finding("calendar", "fail", said, advice)


def dashboard(patient: Patient) -> Iterator[Finding]:
    """Check that the dashboard answers, and compare its clock with ours."""
    url = patient.settings.require("haiphen_api_url")
    with (
        httpx.Client(timeout=TIMEOUT) as client,
        transport_errors("the dashboard", writes=False),
    ):
        reply = client.get(url)
        now = SystemClock().now()
    if reply.is_server_error:
        said = f"answers {reply.status_code}"
        yield Finding("dashboard", "fail", said, "HAIPHEN_API_URL is right, the dashboard is not")
    else:
        yield Finding("dashboard", "ok", "reachable")
    yield _skew(reply.headers.get("date", ""), now)


def _skew(date: str, now: datetime) -> Finding:
    try:
        skew = abs(now - parsedate_to_datetime(date).astimezone(UTC))
    except ValueError:
        advice = "compare this machine's clock with another"
        return Finding("clock", "warn", "the dashboard does not tell the time", advice)
    said = f"{skew.total_seconds():.0f} s from the dashboard's"
    if skew > _TOO_MUCH:
        advice = "set this machine's clock: webhooks are refused from five minutes on"
        return Finding("clock", "fail", said, advice)
    if skew > _NOTABLE:
        return Finding("clock", "warn", said, "set this machine's clock")
    return Finding("clock", "ok", said)


def topics(patient: Patient) -> Iterator[Finding]:
    """Check that every topic exists."""
    missing = [topic for topic in TOPICS if not patient.topics.has(topic)]
    if missing:
        said = f"not there: {', '.join(missing)}"
        yield Finding("topics", "fail", said, "apply Terraform, or correct GOOGLE_CLOUD_PROJECT")
    else:
        yield Finding("topics", "ok", f"all {len(TOPICS)} are there")


def schedules(patient: Patient) -> Iterator[Finding]:
    """Check that every job exists, is enabled and went well last."""
    if patient.settings.pubsub_emulator_host:
        yield Finding("schedules", "ok", "not looked for: the local scheduler runs them")
        return
    jobs = {job.name: job for job in patient.scheduler.jobs()}
    wanted = [schedule.name for schedule in load_schedules()]
    findings = list(_jobs(wanted, jobs))
    yield from findings
    if not findings:
        yield Finding("schedules", "ok", f"all {len(wanted)} are there and enabled")


def _jobs(wanted: Sequence[str], jobs: Mapping[str, Job]) -> Iterator[Finding]:
    for name in wanted:
        job = jobs.get(name)
        if job is None:
            said, advice = f"{name} is not there", "apply Terraform, or correct DEPLOYMENT_NAME"
            yield Finding("schedules", "fail", said, advice)
        elif job.state != ENABLED:
            advice = f"`countersign schedules resume {name}` when all is well"
            yield Finding("schedules", "warn", f"{name} is {job.state.lower()}", advice)
        elif job.last_error:
            said, advice = f"{name} failed last: {job.last_error}", "look at its function's log"
            yield Finding("schedules", "warn", said, advice)
