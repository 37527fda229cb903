"""`countersign demo`, as a person runs it."""

import csv
import gzip
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from common.market import NEW_YORK
from tests.conftest import SHARED

MARKET_DATA = SHARED / "market-data"
COUNTERSIGN = [sys.executable, "-m", "infra"]


def countersign(*arguments: str, cwd: Path, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # noqa: S603 (our own command)
        [*COUNTERSIGN, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def write_config(folder: Path, threshold_pct: float, **rule: Any) -> Path:
    """A user watching four symbols with one rule on SPY."""
    document = {
        "version": 1,
        "enabled": True,
        "mode": "paper",
        "data_inputs": [
            {
                "id": "watchlist",
                "source": "alpaca",
                "asset_class": "us_equity",
                "symbols": ["SPY", "IBM", "AIG", "BAC"],
            }
        ],
        "rules": [
            {
                "id": "dip",
                "type": "price_below_pct_of_ref",
                "symbol": "SPY",
                "ref_metric": "prev_close",
                "threshold_pct": threshold_pct,
                "cooldown_seconds": 86_400,
                "question_template": "SPY is down {{pct}}%. Buy ${{notional}}?",
                "on_answer_match": {
                    "action": "propose_order",
                    "side": "buy",
                    "notional_usd": 10,
                },
            }
            | rule
        ],
        "guardrails": {"max_orders_per_day": 3, "max_notional_usd_per_4h": 100},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(document))
    return path


def write_bars(path: Path, day: datetime, closes: dict[int, str]) -> Path:
    """Minute bars of SPY: from each given minute of the session on, its close."""
    with gzip.open(path, "wt", newline="") as file:
        columns = "symbol,timestamp,open,high,low,close,volume,bid,ask,bid_size,ask_size"
        writer = csv.writer(file)
        writer.writerow(columns.split(","))
        price = closes[0]
        for minute in range(390):
            price = closes.get(minute, price)
            at = (day + timedelta(hours=9, minutes=30 + minute)).astimezone(UTC)
            row = ["SPY", f"{at:%Y-%m-%dT%H:%M:%SZ}", *[price] * 4, 100, price, price, 100, 100]
            writer.writerow(row)
    return path


def test_the_quiet_morning_passes_every_check_and_reports_as_json(tmp_path: Path) -> None:
    done = countersign("demo", "--json", cwd=tmp_path)

    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert [o["pct"] for o in report["opportunities"]] == [-1.6]
    (question,) = report["questions"]
    assert question["decision"] == "approve"
    (order,) = report["orders"]
    assert (order["symbol"], order["notional_usd"], order["status"]) == ("SPY", 10, "filled")
    assert report["snapshot"]["signature_verified"] is True
    assert all(check["ok"] for check in report["checks"])


def test_it_prints_its_steps_for_a_person(tmp_path: Path) -> None:
    done = countersign("demo", cwd=tmp_path)

    for step in ("Market", "Ingest", "Question", "Answer", "Guardrails", "Fill", "Snapshot"):
        assert step in done.stdout
    assert "All checks passed." in done.stdout


def test_it_can_be_kept_until_it_is_told_to_end() -> None:
    command = [*COUNTERSIGN, "demo", "--keep"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:  # noqa: S603 (ours)
        assert process.stderr is not None
        assert any("until Ctrl-C" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate()

    assert process.returncode == 0
    assert "All checks passed." in said


def test_a_recorded_session_is_replayed_minute_by_minute(tmp_path: Path) -> None:
    before = write_bars(tmp_path / "0.csv.gz", datetime(2026, 2, 9, tzinfo=NEW_YORK), {0: "500"})
    dip = {0: "499", 99: "495.01", 100: "495"}
    day = write_bars(tmp_path / "1.csv.gz", datetime(2026, 2, 10, tzinfo=NEW_YORK), dip)
    config = write_config(tmp_path, -1.0)

    report = replay([before, day], config, "10", tmp_path)

    (opportunity,) = report["opportunities"]
    # The bar that opens at 11:10 New York is known when it ends, and not before.
    assert opportunity["fired_at"] == "2026-02-10T16:11:00Z"
    assert opportunity["as_of"].startswith("2026-02-10T16:10:59.999999")
    (order,) = report["orders"]
    assert (order["status"], order["denial_code"]) == ("filled", None)
    assert report["snapshot"]["date"] == "2026-02-10"


def replay(recordings: list[Path], config: Path, answer: str, cwd: Path) -> dict[str, Any]:
    files = [part for path in recordings for part in ("--replay", str(path))]
    done = countersign(
        "demo", *files, "--config", str(config), "--answer", answer, "--json", cwd=cwd
    )
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["ok"] is True
    return report


@pytest.mark.skipif(not MARKET_DATA.is_dir(), reason="the recorded market data is not beside us")
def test_the_dip_of_8_october_2013_fires_once_and_without_a_yes_orders_nothing(
    tmp_path: Path,
) -> None:
    days = [MARKET_DATA / f"2013-10-0{n}_equity_minute_bars.csv.gz" for n in (7, 8)]

    report = replay(days, write_config(tmp_path, -1.0), "0", tmp_path)

    (opportunity,) = report["opportunities"]
    assert opportunity["as_of"].startswith("2013-10-08T18:08:")
    assert (opportunity["price"], round(opportunity["pct"], 1)) == (165.72, -1.0)
    assert [question["decision"] for question in report["questions"]] == [
        "ambiguous",
        "ambiguous",  # the follow-up
    ]
    assert report["orders"] == []


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ("{", "not JSON"),
        ("{}", "version"),
        ('{"version": 1, "surprise": 2}', "surprise"),
    ],
)
def test_a_bad_config_is_one_clear_line(tmp_path: Path, config: str, complaint: str) -> None:
    bars = write_bars(tmp_path / "1.csv.gz", datetime(2026, 2, 10, tzinfo=NEW_YORK), {0: "500"})
    path = tmp_path / "config.json"
    path.write_text(config)

    done = countersign(
        "demo",
        "--replay",
        str(bars),
        "--config",
        str(path),
        "--answer",
        "1",
        cwd=tmp_path,
        expect=1,
    )

    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("--answer", "10"), ("--replay", "nowhere.csv"), ("--replay", "bad.csv", "--answer", "1")],
)
def test_wrong_options_are_explained(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")

    done = countersign("demo", *arguments, cwd=tmp_path, expect=2)

    assert "Usage" in done.stderr


def test_a_bad_recording_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("symbol,timestamp\nSPY,yesterday\n")
    config = write_config(tmp_path, -1)

    done = countersign(
        "demo",
        "--replay",
        "bad.csv",
        "--config",
        str(config),
        "--answer",
        "1",
        cwd=tmp_path,
        expect=1,
    )

    assert "bad.csv" in done.stderr
    assert "Traceback" not in done.stderr
