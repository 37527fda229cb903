"""Reads `infra/schedules.yaml` and says which jobs are due: pure but for reading the file."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

import yaml
from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.errors import PermanentError

SCHEDULES_FILE = Path(__file__).parent.parent / "schedules.yaml"
_CRON_FIELDS = 5


class ScheduleError(PermanentError):
    """The file of schedules is wrong; the text names the entry and what is wrong with it."""


def _cron(expression: str) -> str:
    # The library also reads seconds, which Cloud Scheduler does not.
    if len(expression.split()) != _CRON_FIELDS:
        raise ValueError(f"a cron expression has five fields: {expression!r}")
    try:
        CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"not a cron expression: {expression!r} ({error})") from error
    return expression


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"not a time zone: {name!r}") from error
    return name


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Retry(_Plain):
    """How often a failed attempt is repeated; waits double from `min` to `max`, in seconds."""

    count: int = Field(default=0, ge=0, le=5)
    min_backoff_seconds: float = Field(default=5, gt=0)
    max_backoff_seconds: float = Field(default=30, gt=0, le=3600)

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.min_backoff_seconds > self.max_backoff_seconds:
            raise ValueError("min_backoff_seconds is above max_backoff_seconds")
        return self

    def waits_seconds(self) -> list[float]:
        """Return the wait before each repetition."""
        return [
            min(self.min_backoff_seconds * 2.0**number, self.max_backoff_seconds)
            for number in range(self.count)
        ]


class ScheduledJob(_Plain):
    """One job of Cloud Scheduler: when it calls which function, with what body."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")
    function: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    schedule: Annotated[str, AfterValidator(_cron)]
    time_zone: Annotated[str, AfterValidator(_zone)]
    body: Mapping[str, Any] = Field(default_factory=dict)
    attempt_deadline_seconds: float = Field(gt=0, le=1800)
    retry: Retry = Retry()


def load_schedules(path: Path = SCHEDULES_FILE) -> tuple[ScheduledJob, ...]:
    """Return the jobs in the order of the file, or raise ScheduleError."""
    try:
        entries = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ScheduleError(f"{path.name} is not YAML: {error}") from error
    if not isinstance(entries, list):
        raise ScheduleError(f"{path.name} is not a list of schedules")
    schedules = tuple(_parse(number, entry) for number, entry in enumerate(entries, start=1))
    names = [schedule.name for schedule in schedules]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ScheduleError(f"the name of a schedule is used twice: {', '.join(sorted(twice))}")
    return schedules


def _parse(number: int, entry: object) -> ScheduledJob:
    try:
        return ScheduledJob.model_validate(entry)
    except ValidationError as error:
        name = entry.get("name") if isinstance(entry, dict) else None
        reasons = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'entry'}: {one['msg']}" for one in error.errors()
        )
        raise ScheduleError(f"schedule {number} ({name or 'without a name'}): {reasons}") from error


def due(
    schedules: Sequence[ScheduledJob], after: datetime, until: datetime
) -> list[tuple[datetime, ScheduledJob]]:
    """Return what is due after `after` and up to and including `until`, in the order of time.

    Instants are in UTC; jobs of one instant stay in the order given.
    """
    found = [
        (instant, schedule) for schedule in schedules for instant in _ticks(schedule, after, until)
    ]
    return sorted(found, key=lambda pair: pair[0])


def _ticks(schedule: ScheduledJob, after: datetime, until: datetime) -> list[datetime]:
    instants: list[datetime] = []
    for local in CronSim(schedule.schedule, after.astimezone(ZoneInfo(schedule.time_zone))):
        instant = local.astimezone(UTC)
        if instant > until:
            break
        # In the hour that autumn repeats, the library starts from its first pass.
        if instant > after:
            instants.append(instant)
    return instants
