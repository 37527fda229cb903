"""The dashboard, its database behind it, and pushes through the function, for tests of both."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from functions import wiring
from infra.local.dashboard.d1 import LocalD1
from infra.local.dashboard.receiver import DashboardReceiver
from infra.local.serving import HttpServer
from infra.local.stack import INTERNAL_TOKEN, SIGNING_SECRET
from infra.postgres.database import Database
from tests.conftest import function, rows

DAY = "2026-02-10"
D1 = {
    "CLOUDFLARE_API_TOKEN": "local-cloudflare-token",
    "CLOUDFLARE_ACCOUNT_ID": "local-account",
    "D1_DATABASE_ID": "local-database",
}


@dataclass(frozen=True)
class Dashboard:
    """The dashboard's two doors, over the same tables."""

    api: DashboardReceiver
    d1: LocalD1

    def is_whole(self, date: str = DAY) -> bool:
        """Tell whether every table holds what the day's archive row says."""
        select = self.api.tables.select
        [(rows_json, overlay_json)] = select(
            "SELECT rows_json, overlay_json FROM metrics_daily WHERE date = ?", date
        )
        overlay, day = json.loads(overlay_json), self.api.day(date)
        sides = overlay["extremes"]["byKpi"].values()
        assert day is not None
        return (
            len(day.kpis) == len(json.loads(rows_json)) == 26
            and day.series_points == sum(map(len, overlay["seriesByKpi"].values()))
            and day.extremes_items == sum(len(each["hi"] + each["lo"]) for each in sides)
            and day.portfolio_assets == len(overlay["portfolioAssets"])
        )

    def updated_at(self, date: str = DAY) -> str:
        """Say as of when the day is told there."""
        day = self.api.day(date)
        assert day is not None
        return day.updated_at


@contextmanager
def running_dashboard(environment: pytest.MonkeyPatch, *, d1: bool) -> Iterator[Dashboard]:
    """Serve the dashboard; `d1`: the functions know the way to its database, too."""
    receiver = DashboardReceiver(None, INTERNAL_TOKEN, SIGNING_SECRET)
    database = LocalD1(
        receiver.tables,
        D1["CLOUDFLARE_ACCOUNT_ID"],
        D1["D1_DATABASE_ID"],
        D1["CLOUDFLARE_API_TOKEN"],
    )
    with HttpServer(receiver.app) as api_server, HttpServer(database.app) as d1_server:
        settings = {"HAIPHEN_API_URL": api_server.url, "SNAPSHOT_DEADLINE_SECONDS": "10"}
        if d1:
            settings |= D1 | {"CLOUDFLARE_API_URL": d1_server.url}
        change(environment, **settings)
        yield Dashboard(receiver, database)
    receiver.close()


def change(environment: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        environment.setenv(name, value)
    wiring.reset()


def push(**body: Any) -> Any:
    return function("push_snapshot").post("/", json=body)


def scan() -> None:
    """Let there be something new to tell of the day."""
    assert function("ingest").post("/").status_code == 200


def results(db: Database) -> list[str]:
    return [row["result"] for row in rows(db, "SELECT result FROM snapshot_pushes ORDER BY id")]
