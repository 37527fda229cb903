"""Who can call what, by the plan: three functions from outside, the rest by one account each."""

import json

import yaml

from infra.local.stack import FUNCTION_SUBSCRIPTIONS
from infra.runtime.limit_settings import LimitSettings
from tests.conftest import ROOT
from tests.terraform.deployment import APP_BACKEND, PUSH, SCHEDULER, Deployment

SCHEDULES = yaml.safe_load((ROOT / "infra/schedules.yaml").read_text())
FROM_OUTSIDE = {
    "answer": {APP_BACKEND},
    "account_api": {"allUsers"},
    "console": {"group:trading-operators@example.com"},
}


def test_every_entry_point_is_a_function_of_its_own(deployment: Deployment) -> None:
    from functions import main  # noqa: PLC0415 (all libraries: only when there is a plan)

    assert deployment.functions.keys() == set(main.__all__)
    assert all(
        values["build_config"][0]["entry_point"] == name
        for name, values in deployment.functions.items()
    )


def test_each_function_is_called_by_its_trigger_and_by_nobody_else(deployment: Deployment) -> None:
    expected = (
        {job["function"]: {SCHEDULER} for job in SCHEDULES}
        | {function: {PUSH} for function in FUNCTION_SUBSCRIPTIONS.values()}
        | FROM_OUTSIDE
    )
    by_service = {values["name"]: name for name, values in deployment.functions.items()}
    callers: dict[str, set[str]] = {name: set() for name in deployment.functions}

    for values in deployment.all("google_cloud_run_service_iam_member"):
        assert values["role"] == "roles/run.invoker"
        callers[by_service[values["service"]]].add(values["member"])

    assert callers == expected


def test_only_the_three_are_reachable_from_outside(deployment: Deployment) -> None:
    open_to_all = {
        name
        for name, values in deployment.functions.items()
        if values["service_config"][0]["ingress_settings"] != "ALLOW_INTERNAL_ONLY"
    }

    assert open_to_all == FROM_OUTSIDE.keys()


def test_one_caller_cannot_take_every_thread_of_what_is_called_from_outside(
    deployment: Deployment,
) -> None:
    at_once = LimitSettings.model_fields["max_caller_requests_at_once"].default

    for name in FROM_OUTSIDE:
        service = deployment.functions[name]["service_config"][0]
        threads = int(deployment.environment(name)["THREADS"])
        assert threads == service["max_instance_request_concurrency"]
        assert threads > 2 * at_once  # as many again may wait


def test_nothing_but_what_the_operator_opened_is_public(deployment: Deployment) -> None:
    public = {
        address
        for address, values in deployment.by_address.items()
        if "allUsers" in json.dumps(values) or "allAuthenticatedUsers" in json.dumps(values)
    }

    assert public == {'google_cloud_run_service_iam_member.outside_invokes["account_api allUsers"]'}


def test_invoking_is_granted_nowhere_else(deployment: Deployment) -> None:
    """A role on the whole project, or a whole policy, would go round the list above."""
    invoking = ("run.invoker", "run.admin", "run.developer", "cloudfunctions", "roles/editor")
    elsewhere = {
        (role, member)
        for kind, role, member in deployment.grants()
        if kind != "google_cloud_run_service_iam_member" and any(i in role for i in invoking)
    }
    deploy = "serviceAccount:countersign-deploy@my-countersign-project.iam.gserviceaccount.com"

    assert elsewhere == {("roles/run.admin", deploy), ("roles/cloudfunctions.admin", deploy)}
    assert not [a for a in deployment.by_address if "_iam_policy" in a or "_iam_binding" in a]


def test_scheduler_and_push_prove_who_they_are_to_the_function_they_call(
    deployment: Deployment,
) -> None:
    jobs = deployment.all("google_cloud_scheduler_job")
    pushes = [
        values["push_config"][0]
        for values in deployment.each("google_pubsub_subscription").values()
        if values["push_config"]
    ]

    assert len(jobs) == len(SCHEDULES)
    assert len(pushes) == len(FUNCTION_SUBSCRIPTIONS)
    for target, url, account in (
        *((job["http_target"][0], job["http_target"][0]["uri"], SCHEDULER) for job in jobs),
        *((push, push["push_endpoint"], PUSH) for push in pushes),
    ):
        token = target["oidc_token"][0]
        assert f"serviceAccount:{token['service_account_email']}" == account
        assert token["audience"] == url
        assert url.startswith("https://")


def test_those_who_call_can_do_nothing_else(deployment: Deployment) -> None:
    others = {
        (role, member)
        for kind, role, member in deployment.grants()
        if member in {SCHEDULER, PUSH} and kind != "google_cloud_run_service_iam_member"
    }

    assert others == set()
