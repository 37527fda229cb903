"""The daily push: what each of its steps costs, the real views on a full day, then 8,000 rows."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from common.signing import sign_body
from common.snapshot import DailySnapshot, assemble
from common.snapshot.catalog import CATALOG, EXTREMES
from infra.dashboard.api import DashboardApi
from infra.local.dashboard.receiver import ENDPOINT, DashboardReceiver
from infra.local.postgres import embedded_postgres
from infra.local.serving import HttpServer
from infra.postgres.dashboard import kpis
from infra.postgres.dashboard.kpi_views import Views
from infra.postgres.database import Database, Transaction, connector
from infra.postgres.migrate import migrate
from infra.workflows.kpis import option_valuation
from tests.bench.timing import median, timed
from tests.kpis import full_day

# docs/architecture.md, Speed: build and sign stay under it.
BUDGET_SECONDS = 0.1
AT = datetime(2026, 2, 10, 22, tzinfo=UTC)
DAY = AT.date()
_POINTS, _LISTED, _ASSETS = 285, 10, 204
ROWS = len(CATALOG) * (1 + _POINTS) + len(EXTREMES) * 2 * _LISTED + _ASSETS
_NUMBERS = (
    "metric_raw",
    "metric_abs",
    "individual_pnl",
    "abs_individual_pnl",
    "percent_change",
    "cost_basis",
    "bid_price",
    "ask_price",
    "mid_price",
    "mid_mark_pnl",
    "liquidity_drag",
)
_NUMBER = "round(CAST(1000 * random() AS numeric), 6)"
VIEWS = Views(*(f"bench_{name}" for name in ("kpis", "series", "extremes", "portfolio")))


def snapshot(folder: Path) -> Iterator[tuple[str, float, float]]:
    """Time refresh, build, sign and post, each against all of them."""
    with (
        embedded_postgres(folder, keep=False) as url,
        closing(Database(connector(url))) as database,
    ):
        migrate(database)
        refresh = _refresh_a_full_day(database)
        with database.transaction() as tx:
            _create_views(tx)
        day = _build(database)
        body = day.to_body()
        build = median(lambda: _build(database).to_body())
    sign = median(lambda: sign_body("secret", body))
    post = _post(body)
    whole = refresh + build + sign + post
    size = f"{ROWS:,} rows ({len(body):,} bytes)"
    yield "snapshot: refresh of a full day / all four steps", refresh, whole
    yield f"snapshot: read and build {size} / all", build, whole
    yield "snapshot: sign / all", sign, whole
    yield "snapshot: post / all", post, whole
    yield f"snapshot: build and sign {ROWS:,} rows / the budget", build + sign, BUDGET_SECONDS


def _refresh_a_full_day(database: Database) -> float:
    full_day.fill(database)
    with database.transaction() as tx:
        option_valuation.complete(tx, full_day.DAY, full_day.OVER)

    def refresh() -> None:
        with database.transaction() as tx:
            kpis.refresh(tx, Views(), full_day.DAY, full_day.OVER)

    return median(refresh)


def _build(database: Database) -> DailySnapshot:
    with database.transaction() as tx:
        return assemble(DAY, AT, kpis.day(tx, VIEWS, DAY))


def _post(body: bytes) -> float:
    dashboard = DashboardReceiver(None, "token", "secret")
    with (
        closing(dashboard),
        HttpServer(dashboard.app) as server,
        closing(DashboardApi(server.url, ENDPOINT, "token", "secret", attempts=1)) as api,
    ):
        api.post(body)  # the first one connects
        return timed(lambda: api.post(body))


def _create_views(tx: Transaction) -> None:
    """Materialize rows of the day's largest volume, with the columns of the real views."""
    catalog = f"unnest(ARRAY{[*CATALOG]}) WITH ORDINALITY AS kpi (name, place)"
    extremes = f"unnest(ARRAY{[*EXTREMES]}) AS kpi (name)"
    numbers = ", ".join(f"{_NUMBER} AS {name}" for name in _NUMBERS)
    held = "n AS trade_id, 'GOOG' AS symbol, 'GOOG260220C' || lpad(CAST(n AS text), 8, '0')"
    for view, selected in {
        "kpis": f"""kpi.name AS kpi_name, '12.3456' AS display_value, place AS sort_order
                FROM {catalog}""",
        "series": f"""kpi.name AS kpi_name, TIMESTAMPTZ '{DAY}' + n * interval '5 minutes' AS ts,
                {_NUMBER} AS value, 'real' AS source
                FROM {catalog}, generate_series(1, {_POINTS}) n""",
        "extremes": f"""kpi.name AS kpi_name, side, n AS rank, {held} AS contract_name, n AS qty,
                now() AS mid_ts, {numbers}
                FROM {extremes}, unnest(ARRAY['hi', 'lo']) side, generate_series(1, {_LISTED}) n""",
        "portfolio": f"{held} AS contract_name FROM generate_series(1, {_ASSETS}) n",
    }.items():
        dated = f"SELECT *, DATE '{DAY}' AS report_date FROM (SELECT {selected}) AS made_up"  # noqa: S608
        tx.run(f"CREATE MATERIALIZED VIEW bench_{view} AS {dated}")
