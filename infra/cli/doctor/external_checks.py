"""Checks of what others run: the broker and Google's services."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from common.errors import BrokerRefusedError
from common.market import trading_day
from common.messages import OrderApproved, QuestionCreated, SnapshotsIngested, TradeUpdate
from infra.clients import Clients
from infra.gcp.scheduler import ENABLED, Job
from infra.runtime.schedules import load_schedules
from infra.workflows.doctor.result import CheckResult

TOPICS = tuple(m.topic for m in (SnapshotsIngested, QuestionCreated, OrderApproved, TradeUpdate))
_AHEAD = timedelta(days=10)
_SYMBOL = "SPY"


def broker(environment: Clients) -> Iterator[CheckResult]:
    """Check that the keys open the account that is meant: paper, or live with both keys turned."""
    known = environment.settings
    kind = "live" if known.broker_is_live else "paper"
    where = "the simulator" if known.broker_clock else f"the {kind} account"
    if known.question_pipeline_test_mode:
        where = "test mode (no broker)"
    try:
        account = environment.trading.account()
    except BrokerRefusedError as error:
        advice = f"use keys of {where}: paper keys begin with PK, live ones with AK"
        yield CheckResult("broker", "fail", f"{where} refuses the keys: {error}", advice)
        return
    if account.blocked:
        message, advice = f"{where} is blocked or not active", "look into it at the broker"
        yield CheckResult("broker", "fail", message, advice)
    elif known.broker_is_live:
        message = f"the keys open the LIVE account, buying power ${account.buying_power}"
        yield CheckResult(
            "broker", "warn", message, "orders spend real money: go on only if it is meant"
        )
    else:
        message = f"the keys open {where}, buying power ${account.buying_power}"
        yield CheckResult("broker", "ok", message)


def market_data(environment: Clients) -> Iterator[CheckResult]:
    """Check that the feed of the settings is readable with these keys."""
    feed = environment.settings.alpaca_data_feed
    try:
        quote = environment.market_data.latest_quotes([_SYMBOL], feed).get(_SYMBOL)
    except BrokerRefusedError as error:
        advice = "ALPACA_DATA_FEED=iex needs no subscription; sip does"
        yield CheckResult("market data", "fail", f"feed {feed} is refused: {error}", advice)
        return
    if quote is None:
        message, advice = f"feed {feed} has no quote of {_SYMBOL}", "orders are denied without one"
        yield CheckResult("market data", "warn", message, advice)
    else:
        yield CheckResult(
            "market data", "ok", f"feed {feed}: {_SYMBOL} at {quote.bid} / {quote.ask}"
        )


def calendar(environment: Clients) -> Iterator[CheckResult]:
    """Check that the exchange's calendar is readable."""
    today = trading_day(environment.clock.now())
    days = environment.trading.calendar(today, today + _AHEAD)
    sessions = [day.date for day in days.found if day.regular is not None]
    if sessions:
        message = f"{len(sessions)} sessions in {_AHEAD.days} days, the first on {sessions[0]}"
        yield CheckResult("calendar", "ok", message)
    else:
        message, advice = f"no session in the next {_AHEAD.days} days", "orders would be denied"
        yield CheckResult("calendar", "fail", message, advice)


def topics(environment: Clients) -> Iterator[CheckResult]:
    """Check that every topic exists."""
    missing = [topic for topic in TOPICS if not environment.publisher.has(topic)]
    if missing:
        message = f"not there: {', '.join(missing)}"
        yield CheckResult(
            "topics", "fail", message, "apply Terraform, or correct GOOGLE_CLOUD_PROJECT"
        )
    else:
        yield CheckResult("topics", "ok", f"all {len(TOPICS)} are there")


def schedules(environment: Clients) -> Iterator[CheckResult]:
    """Check that every job exists, is enabled and went well last."""
    if environment.settings.pubsub_emulator_host:
        yield CheckResult("schedules", "ok", "not looked for: the local scheduler runs them")
        return
    jobs = {job.name: job for job in environment.scheduler.jobs()}
    wanted = [schedule.name for schedule in load_schedules()]
    findings = list(_jobs(wanted, jobs))
    yield from findings
    if not findings:
        yield CheckResult("schedules", "ok", f"all {len(wanted)} are there and enabled")


def _jobs(wanted: Sequence[str], jobs: Mapping[str, Job]) -> Iterator[CheckResult]:
    for name in wanted:
        job = jobs.get(name)
        if job is None:
            message, advice = f"{name} is not there", "apply Terraform, or correct DEPLOYMENT_NAME"
            yield CheckResult("schedules", "fail", message, advice)
        elif job.state != ENABLED:
            advice = f"`countersign schedules resume {name}` when all is well"
            yield CheckResult("schedules", "warn", f"{name} is {job.state.lower()}", advice)
        elif job.last_error:
            message, advice = f"{name} failed last: {job.last_error}", "look at its function's log"
            yield CheckResult("schedules", "warn", message, advice)
