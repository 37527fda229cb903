import json
from datetime import date

from common.kpis import CATALOG
from common.signing import sign_body
from common.snapshot import PortfolioAsset, assemble, missing, summarise
from tests.unit.samples import NOON

FIGURES = {
    "Portfolio": "1",
    "Daily PnL": "-$1,457.99",
    "Signals scanned": "47,324",
    "Avg hold time": "—",
    "Exits closed": "0",
}
DAY = date(2026, 2, 10)


def test_the_catalog_has_26_kpis_each_once() -> None:
    assert len(CATALOG) == len(set(CATALOG)) == 26


def test_rows_stand_in_the_catalogs_order() -> None:
    snapshot = assemble(DAY, NOON, FIGURES, [])

    assert [row.kpi for row in snapshot.rows] == [
        "Signals scanned",
        "Exits closed",
        "Avg hold time",
        "Daily PnL",
        "Portfolio",
    ]


def test_the_body_has_the_contracts_keys_and_types() -> None:
    asset = PortfolioAsset(trade_id=7, symbol="SPY", contract_name="SPY")

    body = json.loads(assemble(DAY, NOON, FIGURES, [asset]).to_body())

    assert body == {
        "date": "2026-02-10",
        "updated_at": "2026-02-10T17:00:00.000Z",
        "headline": "Haiphen day trading snapshot (-$1,457.99 on 2026-02-10)",
        "summary": "47,324 signals scanned • 0 exits closed • -$1,457.99 pnl.",
        "rows": [{"kpi": kpi, "value": FIGURES[kpi]} for kpi in CATALOG if kpi in FIGURES],
        "overlay": {
            "seriesByKpi": {},
            "extremes": {"byKpi": {}},
            "portfolioAssets": [{"trade_id": 7, "symbol": "SPY", "contract_name": "SPY"}],
        },
        "source": "countersign",
    }


def test_a_missing_figure_leaves_its_part_of_the_summary_out_and_is_named() -> None:
    assert summarise({"Daily PnL": "—"}) == ""
    assert "Avg hold time" in missing(FIGURES)
    assert "Delta" in missing(FIGURES)
    assert "Portfolio" not in missing(FIGURES)


def test_the_signature_is_hex_hmac_sha256_over_the_bytes() -> None:
    # Computed with: printf 'payload' | openssl dgst -sha256 -hmac secret
    assert (
        sign_body("secret", b"payload")
        == "b82fcb791acec57859b989b430a826488ce2e479fdf92326bd0a2e8375a42ba4"
    )
