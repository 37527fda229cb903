"""Every alert says what to do: a runbook of its name, which it links to."""

import json
import re

import yaml

from tests.conftest import ROOT
from tests.terraform.deployment import Deployment

RUNBOOKS = (ROOT / "docs/operations.md").read_text()
METRICS = yaml.safe_load((ROOT / "terraform/metrics.yaml").read_text())
_HEADING = re.compile(r"^### (.+)$", re.MULTILINE)


def _policies(deployment: Deployment) -> dict[str, str]:
    return {
        policy["display_name"]: policy["documentation"][0]["content"]
        for policy in deployment.all("google_monitoring_alert_policy")
    }


def test_every_alert_has_a_runbook_and_every_runbook_an_alert(deployment: Deployment) -> None:
    assert sorted(_policies(deployment)) == sorted(_HEADING.findall(RUNBOOKS))


def test_every_alert_links_to_its_runbook(deployment: Deployment) -> None:
    for name, content in _policies(deployment).items():
        anchor = name.lower().replace(" ", "-")
        assert content.endswith(f"/docs/operations.md#{anchor}")


def test_every_runbook_says_what_it_means_how_to_look_and_what_to_do() -> None:
    for section in RUNBOOKS.split("\n### ")[1:]:
        parts = [section.index(f"\n**{part}.** ") for part in ("Means", "Look", "Do")]
        assert parts == sorted(parts)


def test_every_alert_notifies_somebody(deployment: Deployment) -> None:
    channels = [c["id"] for c in deployment.all("google_monitoring_notification_channel")]

    for policy in deployment.all("google_monitoring_alert_policy"):
        assert policy["notification_channels"] == channels
        assert policy["enabled"] is not False


def test_every_metric_counts_the_event_that_it_says(deployment: Deployment) -> None:
    metrics = deployment.each("google_logging_metric")

    assert metrics.keys() == METRICS.keys()
    for name, metric in metrics.items():
        written = METRICS[name]
        assert f'jsonPayload.event="{written["event"]}"' in metric["filter"]
        assert written.get("where", "") in metric["filter"]
        if "value" in written:
            assert metric["value_extractor"] == f"EXTRACT(jsonPayload.{written['value']})"


def test_no_metric_is_counted_for_nobody(deployment: Deployment) -> None:
    [dashboard] = deployment.all("google_monitoring_dashboard")
    shown = json.dumps(json.loads(dashboard["dashboard_json"]))

    assert [n for n in METRICS if f"user/countersign/{n}" not in shown] == []


def test_what_must_be_watched_is_watched(deployment: Deployment) -> None:
    watched = json.dumps(deployment.all("google_monitoring_alert_policy"))
    metrics = (
        "ticks",
        "ingest_lag",
        "orders_stuck",
        "orders_of_unknown_outcome",
        "dead_letters_kept",
        "configs_set_aside",
        "rows_set_aside",
        "snapshots_pushed",
        "snapshots_skipped",
        "snapshots_incomplete",
        "snapshots_failed",
        "position_drifts",
    )

    assert [m for m in metrics if f"user/countersign/{m}" not in watched] == []


def test_the_budget_notifies_before_it_is_spent(deployment: Deployment) -> None:
    [budget] = deployment.all("google_billing_budget")

    assert [rule["threshold_percent"] for rule in budget["threshold_rules"]] == [0.5, 0.9, 1, 1]
    assert budget["all_updates_rule"][0]["monitoring_notification_channels"]
