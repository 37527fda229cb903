"""A user's config: overrides of a template, validated when saved, replaced only knowingly."""

import json
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from common.config import TradingConfig
from functions import wiring
from infra.postgres.database import Database
from infra.postgres.trading import confirmations
from infra.postgres.users import configs
from tests.conftest import USER, enroll, rows
from tests.functions.account.account import Account
from tests.functions.steps import asked, swipe, tick
from tests.functions.test_rule_status import rule

OVERRIDE = {"guardrails": {"max_orders_per_day": 2}, "max_spread_pct": 0.5}


def problems(reply: TestResponse) -> dict[str, str]:
    assert reply.status_code == 422, reply.text
    listed = reply.get_json()["error"]["problems"]
    return {each["path"]: each["message"] for each in listed}


def effective(db: Database) -> TradingConfig | None:
    with db.transaction() as tx:
        return configs.of_user(tx, USER)


def test_the_first_put_makes_the_user_known_and_returns_the_effective_config(
    account: Account, db: Database
) -> None:
    reply = account.put(OVERRIDE)

    body = reply.get_json()
    assert reply.status_code == 200
    assert body["override"] == {"guardrails": {"max_orders_per_day": 2}, "max_spread_pct": "0.5"}
    assert body["template_name"] == "default_paper_watchlist"
    assert body["config"]["guardrails"]["max_orders_per_day"] == 2
    assert body["config"]["guardrails"]["max_notional_usd_per_4h"] == "100"
    assert (body["enabled"], body["problems"], body["notes"]) == (True, [], [])
    stored = effective(db)
    assert stored is not None
    assert body["config_hash"] == stored.hash


def test_reading_shows_what_was_stored_under_the_same_tag(account: Account) -> None:
    written = account.put(OVERRIDE)

    read = account.get("/config")

    assert read.get_json() == written.get_json()
    assert read.headers["ETag"] == written.headers["ETag"]


def test_without_a_config_there_is_nothing_to_read(account: Account) -> None:
    reply = account.get("/config")

    assert (reply.status_code, reply.get_json()["error"]["code"]) == (404, "not_found")


@pytest.mark.usefixtures("user")
def test_a_config_is_replaced_by_who_has_seen_it(account: Account) -> None:
    seen = account.get("/config").headers["ETag"]

    first = account.put({"enabled": False}, If_Match=seen)
    second = account.put({"enabled": True}, If_Match=seen)

    assert (first.status_code, second.status_code) == (200, 412)
    assert first.headers["ETag"] != seen
    assert account.get("/config").get_json()["enabled"] is False


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 428, "send If-Match with the ETag of the config that you have seen"),
        ({"If_None_Match": "*"}, 412, "there is a config already"),
        (
            {"If_Match": '"0123456789abcdef"'},
            412,
            "the config has changed since: read it again",
        ),
    ],
)
def test_what_a_request_must_state_of_an_existing_config(
    account: Account, headers: dict[str, str], status: int, message: str
) -> None:
    reply = account.put(OVERRIDE, **headers)

    assert (reply.status_code, reply.get_json()["error"]["message"]) == (status, message)


@pytest.mark.usefixtures("user")
def test_who_says_so_replaces_whatever_config_there_is(account: Account) -> None:
    assert account.put(OVERRIDE, If_Match="*").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 200), ({"If_None_Match": "*"}, 200), ({"If_Match": "*"}, 412)],
)
def test_what_a_request_may_state_of_a_first_config(
    account: Account, db: Database, headers: dict[str, str], status: int
) -> None:
    reply = account.put(OVERRIDE, **headers)

    assert reply.status_code == status
    assert len(rows(db, "SELECT 1 FROM users")) == (status == 200)


@pytest.mark.usefixtures("user")
def test_a_tag_that_a_proxy_weakened_still_counts(account: Account) -> None:
    seen = account.get("/config").headers["ETag"]

    assert account.put(OVERRIDE, If_Match=f"W/{seen}").status_code == 200


@pytest.mark.usefixtures("user")
def test_of_two_writers_at_once_the_second_gets_a_precondition_failure(
    account: Account,
) -> None:
    seen = account.get("/config").headers["ETag"]
    barrier, replies = threading.Barrier(2), []

    def write(limit: int) -> None:
        barrier.wait()
        replies.append(account.put({"max_queued_questions": limit}, If_Match=seen).status_code)

    writers = [threading.Thread(target=write, args=(limit,)) for limit in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert sorted(replies) == [200, 412]


@pytest.mark.usefixtures("user")
def test_a_writer_waits_for_who_holds_the_users_lock_and_sees_what_he_wrote(
    account: Account, db: Database
) -> None:
    seen = account.get("/config").headers["ETag"]
    replies: list[int] = []
    writer = threading.Thread(
        target=lambda: replies.append(account.put(OVERRIDE, If_Match=seen).status_code)
    )

    with db.transaction() as tx:
        tx.rows("SELECT 1 FROM users FOR UPDATE")
        writer.start()
        writer.join(timeout=0.5)
        tx.run("UPDATE user_trading_config SET enabled = false")
    writer.join()

    assert replies == [412]


@pytest.mark.usefixtures("user")
def test_a_change_of_the_template_changes_the_tag(account: Account, db: Database) -> None:
    seen = account.get("/config").headers["ETag"]

    with db.transaction() as tx:
        tx.run(
            "UPDATE trading_config_templates"
            " SET config = jsonb_set(config, '{guardrails,max_orders_per_day}', '1')"
        )

    assert account.get("/config").headers["ETag"] != seen
    assert account.put(OVERRIDE, If_Match=seen).status_code == 412


def test_every_problem_is_listed_with_its_path_and_nothing_is_stored(
    account: Account, db: Database
) -> None:
    reply = account.put(
        {
            "mode": "reckless",
            "guardrails": {"max_orders": 1},
            "rules": [{"id": "dip_confirm", "threshold_pct": 7}],
        }
    )

    assert {"mode", "guardrails.max_orders", "rules[0].threshold_pct"} <= set(problems(reply))
    assert rows(db, "SELECT 1 FROM user_trading_config") == []
    assert rows(db, "SELECT 1 FROM users") == []


def test_a_rule_on_a_symbol_that_nothing_fetches_is_refused(account: Account) -> None:
    reply = account.put({"rules": [{"id": "dip_confirm", "symbol": "TSLA"}]})

    assert any("TSLA" in message for message in problems(reply).values())


def test_what_exceeds_the_servers_ceilings_is_refused(account: Account) -> None:
    reply = account.put({"guardrails": {"max_orders_per_day": 21}})

    assert "ceiling" in problems(reply)["guardrails.max_orders_per_day"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        '{"max_spread_pct": NaN}',
        '{"max_spread_pct": 1e-999999999}',
        '{"max_spread_pct": 1e999999999}',
        '{"rules": [{"id": "dip_confirm", "question_template": "\\u0000"}]}',
        '{"rules": [{"id": "dip_confirm", "question_template": "\\ud800"}]}',
        '{"\\ud800": 1}',
        '{"rules": [{"id": []}]}',
        '{"data_inputs": [{"id": {}}]}',
        '{"rules": {"id": 1}}',
        "[" * 50_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_no_config_is_refused_and_never_breaks_anything(
    account: Account, body: str | bytes
) -> None:
    reply = account.call("PUT", "/config", data=body)

    assert problems(reply)


def places(document: Any) -> list[tuple[Any, Any]]:
    """List every container in a document with each of its keys."""
    here = document.items() if isinstance(document, dict) else enumerate(document)
    nested = [each for _, each in here if isinstance(each, dict | list)]
    keys = document if isinstance(document, dict) else range(len(document))
    return [(document, key) for key in keys] + [p for each in nested for p in places(each)]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("dip_confirm"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("id"), inner),
    max_leaves=4,
)


def test_no_value_anywhere_in_a_config_breaks_anything(account: Account, db: Database) -> None:
    (template,) = rows(db, "SELECT config FROM trading_config_templates")

    @settings(
        max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(st.data())
    def spoil(data: st.DataObject) -> None:
        document = json.loads(json.dumps(template["config"], default=str))
        container, key = data.draw(st.sampled_from(places(document)))
        container[key] = data.draw(VALUES)

        reply = account.put(document, "?template_name=", If_Match="*")
        account.get("/status")

        assert reply.status_code in {200, 412, 422}

    account.put({})
    spoil()


def test_a_body_that_is_too_large_is_refused(account: Account) -> None:
    assert account.put({"question": "x" * 70_000}).status_code == 413


def test_mode_live_is_stored_and_said_to_do_nothing_here(account: Account) -> None:
    body = account.put({"mode": "live"}).get_json()

    assert body["config"]["mode"] == "live"
    assert "paper" in body["notes"][0]


def test_a_config_can_stand_on_no_template(account: Account, db: Database) -> None:
    (template,) = rows(db, "SELECT config FROM trading_config_templates")

    empty = account.put({}, "?template_name=")
    whole = account.call("PUT", "/config?template_name=", json=template["config"])

    assert {"version", "rules", "guardrails"} <= set(problems(empty))
    assert (whole.status_code, whole.get_json()["template_name"]) == (200, None)


def test_a_template_that_does_not_exist_is_refused(account: Account) -> None:
    assert "template_name" in problems(account.put({}, "?template_name=nobodys"))


def test_the_template_in_use_stays(account: Account, db: Database) -> None:
    with db.transaction() as tx:
        tx.run(
            "INSERT INTO trading_config_templates (name, config)"
            " SELECT 'other', config FROM trading_config_templates"
        )
    account.put({}, "?template_name=other")

    body = account.put({"max_queued_questions": 2}, If_Match="*").get_json()

    assert body["template_name"] == "other"


def test_disabling_is_one_switch(account: Account, db: Database) -> None:
    enroll(db, USER)

    body = account.put({"enabled": False}, If_Match="*").get_json()

    assert (body["enabled"], body["config"]["enabled"]) == (False, False)
    assert effective(db) is None


def test_a_config_that_became_invalid_is_shown_with_its_problems(
    account: Account, db: Database
) -> None:
    account.put({})
    with db.transaction() as tx:
        tx.run("UPDATE trading_config_templates SET config = config - 'guardrails'")

    body: dict[str, Any] = account.get("/config").get_json()

    assert (body["config"], body["config_hash"]) == (None, None)
    assert [each["path"] for each in body["problems"]] == ["guardrails"]
    assert account.get("/status").status_code == 409
    assert account.get("/snapshots?symbol=SPY").status_code == 409


def test_the_server_forgets_nothing_between_instances(account: Account) -> None:
    written = account.put(OVERRIDE).get_json()
    wiring.reset()

    assert account.get("/config").get_json() == written


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"enabled": False}, ("withdrawn", "withdrawn")),
        (
            {"rules": [{"id": "dip_confirm", "enabled": False}, rule("second")]},
            ("withdrawn", "pending"),
        ),
        ({"rules": []}, ("pending", "withdrawn")),
        ({"max_spread_pct": 2, "rules": [rule("second")]}, ("pending", "pending")),
    ],
)
def test_what_is_switched_off_withdraws_its_questions_at_once(
    account: Account, db: Database, change: dict[str, Any], left: tuple[str, str]
) -> None:
    enroll(db, account.uid, rules=[rule("second")])
    enroll(db, "another", rules=[rule("second")])
    tick()

    assert account.put(change, If_Match="*").status_code == 200

    found = rows(db, "SELECT firebase_uid, rule_id, status FROM confirmations")
    status = {(each["firebase_uid"], each["rule_id"]): each["status"] for each in found}
    assert (status[account.uid, "dip_confirm"], status[account.uid, "second"]) == left
    assert {status["another", each] for each in ("dip_confirm", "second")} == {"pending"}


def test_a_config_that_is_refused_withdraws_nothing(account: Account, db: Database) -> None:
    enroll(db, account.uid)
    question_id = asked(db)

    refused = account.put({"enabled": False, "max_spread_pct": -1}, If_Match="*")

    assert refused.status_code == 422

    assert swipe(question_id, 10).status_code == 200


def test_a_question_that_is_being_answered_is_left_to_its_answer(
    account: Account, db: Database
) -> None:
    enroll(db, account.uid)
    question_id = asked(db)

    with db.transaction() as answering:
        assert confirmations.lock(answering, question_id) is not None
        switched_off = account.put({"enabled": False}, If_Match="*")  # waits for nobody

    (left,) = rows(db, "SELECT status FROM confirmations")
    assert (switched_off.status_code, left["status"]) == (200, "pending")
