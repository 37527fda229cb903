"""What Cloud Monitoring refuses and no schema knows: rules between the fields of an alert.

Sources: the API's discovery document, monitoring v3 (schema and field beside each assertion), where
nothing else is named.
"""

import re
from collections.abc import Iterator

import pytest

from tests.terraform.deployment import Deployment, Values

HOURS_25 = 90_000


def _seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def _conditions(deployment: Deployment, kind: str) -> Iterator[Values]:
    for policy in deployment.all("google_monitoring_alert_policy"):
        for condition in policy["conditions"]:
            yield from condition[kind] or []


def _aggregations(deployment: Deployment) -> Iterator[Values]:
    for kind in ("condition_threshold", "condition_absent"):
        for condition in _conditions(deployment, kind):
            yield from condition["aggregations"]
            yield from condition.get("denominator_aggregations") or []


def test_a_policy_has_one_to_six_conditions_of_different_names(deployment: Deployment) -> None:
    for policy in deployment.all("google_monitoring_alert_policy"):
        names = [condition["display_name"] for condition in policy["conditions"]]
        assert 1 <= len(names) <= 6  # AlertPolicy.conditions
        assert len(set(names)) == len(names)  # Condition.displayName
        assert len(policy["display_name"]) <= 512  # AlertPolicy.displayName


def test_missing_data_is_treated_with_a_duration_only(deployment: Deployment) -> None:
    told = [
        condition
        for condition in _conditions(deployment, "condition_threshold")
        if condition["evaluation_missing_data"]
    ]

    assert told, "silence of the ticks must count"
    for condition in told:
        # MetricThreshold.evaluationMissingData; terraform-provider-google, issue 16892
        assert _seconds(condition["duration"]) >= 60


def test_durations_are_whole_minutes(deployment: Deployment) -> None:
    for condition in _conditions(deployment, "condition_threshold"):
        assert _seconds(condition["duration"]) % 60 == 0  # MetricThreshold.duration
    for condition in _conditions(deployment, "condition_absent"):
        duration = _seconds(condition["duration"])
        assert duration >= 120  # MetricAbsence.duration
        assert duration % 60 == 0
    for condition in _conditions(deployment, "condition_prometheus_query_language"):
        assert _seconds(condition["duration"]) >= 0  # PrometheusQueryLanguageCondition.duration
        assert _seconds(condition["duration"]) % 60 == 0
        interval = _seconds(condition["evaluation_interval"])
        assert interval > 0  # PrometheusQueryLanguageCondition.evaluationInterval
        assert interval % 30 == 0


def test_alignment_periods_are_of_a_minute_to_25_hours(deployment: Deployment) -> None:
    aggregations = list(_aggregations(deployment))

    assert len(aggregations) > 10
    for each in aggregations:
        # Aggregation.alignmentPeriod; whole minutes, for data comes each minute
        assert 60 <= _seconds(each["alignment_period"]) <= HOURS_25
        assert _seconds(each["alignment_period"]) % 60 == 0
        if each["cross_series_reducer"]:
            assert each["per_series_aligner"] not in (None, "ALIGN_NONE")  # .crossSeriesReducer


def test_both_sides_of_a_ratio_are_aligned_alike(deployment: Deployment) -> None:
    ratios = [c for c in _conditions(deployment, "condition_threshold") if c["denominator_filter"]]

    assert ratios
    for condition in ratios:  # MetricThreshold.denominatorAggregations
        [above], [below] = condition["aggregations"], condition["denominator_aggregations"]
        for field in ("alignment_period", "group_by_fields", "cross_series_reducer"):
            assert above[field] == below[field]


def test_a_filter_names_one_metric_and_one_kind_of_resource(deployment: Deployment) -> None:
    filters = [
        condition["filter"]
        for kind in ("condition_threshold", "condition_absent")
        for condition in _conditions(deployment, kind)
    ]

    for each in filters:
        assert len(each) <= 2048  # MetricThreshold.filter, MetricAbsence.filter
        assert each.count("metric.type=") == each.count("resource.type=") == 1


def test_an_aligner_fits_the_metric(deployment: Deployment) -> None:
    """A percentile is of a distribution, a sum of lines is of a count (Aggregation.Aligner)."""
    kinds = {
        metric["name"]: metric["metric_descriptor"][0]["value_type"]
        for metric in deployment.all("google_logging_metric")
    }
    checked = 0
    for condition in _conditions(deployment, "condition_threshold"):
        if named := re.search(r"logging\.googleapis\.com/user/([\w/]+)", condition["filter"]):
            percentile = "PERCENTILE" in condition["aggregations"][0]["per_series_aligner"]
            assert percentile == (kinds[named[1]] == "DISTRIBUTION")
            checked += 1

    assert checked >= 7


def test_notifications_are_limited_for_log_matches_only(deployment: Deployment) -> None:
    for policy in deployment.all("google_monitoring_alert_policy"):
        matches = any(condition["condition_matched_log"] for condition in policy["conditions"])
        limited = any(s["notification_rate_limit"] for s in policy["alert_strategy"])
        assert limited == matches  # AlertStrategy.notificationRateLimit


@pytest.mark.parametrize("side", ["xPos", "yPos"])
def test_the_tiles_of_the_dashboard_fit_and_do_not_overlap(
    deployment: Deployment, side: str
) -> None:
    import json  # noqa: PLC0415 (here only)

    [dashboard] = deployment.all("google_monitoring_dashboard")
    layout = json.loads(dashboard["dashboard_json"])["mosaicLayout"]

    assert 1 <= layout["columns"] <= 48  # monitoring v1, MosaicLayout.columns
    places = {(tile["xPos"], tile["yPos"]) for tile in layout["tiles"]}
    assert len(places) == len(layout["tiles"])
    for tile in layout["tiles"]:
        assert tile[side] % 4 == 0
        assert tile["xPos"] + tile["width"] <= layout["columns"]
