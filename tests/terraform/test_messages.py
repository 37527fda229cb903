"""Topics and subscriptions, by the plan: nothing that was said is lost."""

from common.messages import Message
from infra.local.stack import APP_TOPICS, FUNCTION_SUBSCRIPTIONS
from tests.terraform.deployment import APP_BACKEND, Deployment, Values


def _subscriptions(deployment: Deployment) -> dict[str, Values]:
    return deployment.each("google_pubsub_subscription")


def _topic(values: Values) -> str:
    return str(values["topic"]).rpartition("/")[2]


def test_the_topics_are_those_of_the_messages(deployment: Deployment) -> None:
    topics = deployment.each("google_pubsub_topic")

    assert {values["name"] for values in topics.values()} == {
        message.topic for message in Message.__subclasses__()
    } | {"questions-created"}


def test_everybody_who_listens_has_a_subscription(deployment: Deployment) -> None:
    expected = {
        f"countersign-{function.replace('_', '-')}": topic
        for topic, function in FUNCTION_SUBSCRIPTIONS.items()
    } | {f"countersign-app-{topic}": topic for topic in APP_TOPICS}

    assert {n: _topic(v) for n, v in _subscriptions(deployment).items()} == expected


def test_every_subscription_has_dead_letters_and_the_grants_that_they_need(
    deployment: Deployment,
) -> None:
    dead = deployment.one("google_pubsub_topic", "dead_letters")
    acknowledged = {
        values["subscription"]
        for values in deployment.all("google_pubsub_subscription_iam_member")
        if (values["role"], values["member"])
        == ("roles/pubsub.subscriber", deployment.pubsub_agent)
    }

    for values in _subscriptions(deployment).values():
        policy = values["dead_letter_policy"][0]
        assert policy["dead_letter_topic"] == dead["id"]
        assert 5 <= policy["max_delivery_attempts"] <= 100
        assert values["id"] in acknowledged
    assert {
        (values["topic"], values["role"])
        for values in deployment.all("google_pubsub_topic_iam_member")
        if values["member"] == deployment.pubsub_agent
    } == {(dead["id"], "roles/pubsub.publisher")}


def test_dead_letters_are_kept_for_a_person(deployment: Deployment) -> None:
    kept = deployment.one("google_pubsub_subscription", "dead_letters")

    assert kept["topic"] == deployment.one("google_pubsub_topic", "dead_letters")["id"]
    assert kept["message_retention_duration"] == "2678400s"
    assert not kept["push_config"]


def test_an_idle_subscription_is_never_deleted(deployment: Deployment) -> None:
    for values in deployment.all("google_pubsub_subscription"):
        assert values["expiration_policy"][0]["ttl"] == ""


def test_a_message_is_tried_again_with_growing_waits(deployment: Deployment) -> None:
    for values in _subscriptions(deployment).values():
        policy = values["retry_policy"][0]
        assert _seconds(policy["minimum_backoff"]) < _seconds(policy["maximum_backoff"]) <= 600


def test_a_function_may_take_its_time_before_it_is_sent_a_message_again(
    deployment: Deployment,
) -> None:
    for topic, function in FUNCTION_SUBSCRIPTIONS.items():
        timeout = deployment.functions[function]["service_config"][0]["timeout_seconds"]
        [subscription] = [v for v in _subscriptions(deployment).values() if _topic(v) == topic]
        assert timeout < subscription["ack_deadline_seconds"] <= 600


def test_one_users_messages_arrive_in_order(deployment: Deployment) -> None:
    ordered = {
        _topic(v) for v in _subscriptions(deployment).values() if v["enable_message_ordering"]
    }

    assert ordered == {"orders-approved", *APP_TOPICS}


def test_the_app_backend_pulls_its_own_two(deployment: Deployment) -> None:
    pulled = {
        values["subscription"].rpartition("/")[2]
        for values in deployment.all("google_pubsub_subscription_iam_member")
        if values["member"] == APP_BACKEND
    }

    assert pulled == {f"countersign-app-{topic}" for topic in APP_TOPICS}


def test_pubsub_may_sign_as_the_pushing_account_only(deployment: Deployment) -> None:
    signs = deployment.all("google_service_account_iam_member")

    assert [(values["role"], values["member"]) for values in signs] == [
        ("roles/iam.serviceAccountTokenCreator", deployment.pubsub_agent)
    ]


def _seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))
