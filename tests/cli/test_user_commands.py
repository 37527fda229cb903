"""`countersign user`, `config` and `template`: users and configs without a line of SQL."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infra.cli import main
from infra.postgres.database import Database
from infra.postgres.users import accounts
from tests.conftest import USER, rows
from tests.functions.steps import approved, asked, submit, swipe

pytestmark = pytest.mark.usefixtures("environment")


OWNED = (*accounts.PERSONAL, *accounts.RECORDS, "questions")


def owned(db: Database, table: str, uid: str) -> list[dict[str, Any]]:
    return rows(db, f"SELECT 1 FROM {table} WHERE firebase_uid = :uid", uid=uid)  # noqa: S608


def countersign(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, arguments)


def done(*arguments: str) -> str:
    result = countersign(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def written(folder: Path, name: str, document: Any) -> str:
    file = folder / name
    file.write_text(json.dumps(document))
    return str(file)


def test_a_user_is_added_with_the_default_template_and_is_asked(db: Database) -> None:
    assert "added alice, enabled" in done("user", "add", "alice")

    assert asked(db, "alice")


def test_a_user_is_added_once(db: Database) -> None:
    done("user", "add", "alice")

    again = countersign("user", "add", "alice")

    assert again.exit_code == 2
    assert "has a config already" in again.output
    assert len(rows(db, "SELECT * FROM user_trading_config")) == 1


def test_an_invalid_config_adds_nobody_and_names_the_place(db: Database, tmp_path: Path) -> None:
    config = written(tmp_path, "alice.json", {"guardrails": {"max_orders_per_day": "many"}})

    refused = countersign("user", "add", "alice", "--config", config)

    assert refused.exit_code == 1
    assert "guardrails.max_orders_per_day" in str(refused.exception)
    assert rows(db, "SELECT * FROM users WHERE firebase_uid = 'alice'") == []


def test_users_are_listed_with_what_is_under_way(db: Database, user: str) -> None:
    asked(db)

    (listed,) = json.loads(done("user", "list", "--json"))

    assert listed["firebase_uid"] == user
    assert listed["pending_questions"] == 1
    assert listed["open_orders"] == 0
    assert user in done("user", "list")


@pytest.mark.usefixtures("user")
def test_a_config_is_read_changed_and_read_again(tmp_path: Path) -> None:
    changed = written(tmp_path, "c.json", {"guardrails": {"max_orders_per_day": 1}})

    difference = done("config", "diff", USER, changed)
    done("config", "set", USER, changed)

    assert '-    "max_orders_per_day": 3' in difference
    assert '+    "max_orders_per_day": 1' in difference
    assert json.loads(done("config", "get", USER)) == {"guardrails": {"max_orders_per_day": 1}}
    effective = json.loads(done("config", "get", USER, "--effective"))
    assert effective["guardrails"]["max_orders_per_day"] == 1
    assert effective["rules"][0]["id"] == "dip_confirm"


def test_a_folder_of_configs_is_stored_whole_or_not_at_all(db: Database, tmp_path: Path) -> None:
    written(tmp_path, "alice.json", {})
    written(tmp_path, "bob.json", {"enabled": "perhaps"})

    refused = countersign("config", "set", "--folder", str(tmp_path))
    assert "bob: enabled" in str(refused.exception)
    assert rows(db, "SELECT * FROM user_trading_config") == []

    written(tmp_path, "bob.json", {"enabled": False})
    assert "stored 2 configs: alice, bob" in done("config", "set", "--folder", str(tmp_path))
    enabled = rows(db, "SELECT firebase_uid, enabled FROM user_trading_config ORDER BY 1")
    assert [row["enabled"] for row in enabled] == [True, False]


@pytest.mark.usefixtures("user")
def test_an_edit_is_stored_when_it_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho \'{"max_queued_questions": 2}\' > "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)

    assert "stored the config" in done("config", "edit", USER)

    assert json.loads(done("config", "get", USER)) == {"max_queued_questions": 2}


@pytest.mark.usefixtures("user")
def test_an_edit_with_a_mistake_names_it_and_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho \'{"max_queued_questions": 0}\' > "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)

    refused = CliRunner().invoke(main, ["config", "edit", USER], input="n\n")

    assert refused.exit_code == 1
    assert "max_queued_questions" in refused.output
    assert json.loads(done("config", "get", USER)) == {}


def test_a_template_that_breaks_its_users_is_refused_by_their_names(
    user: str, tmp_path: Path
) -> None:
    template = json.loads(done("template", "get", "default_paper_watchlist"))
    broken = written(tmp_path, "t.json", template | {"mode": "play"})

    refused = countersign("template", "set", "default_paper_watchlist", broken)

    assert f"{user}: mode" in str(refused.exception)
    assert json.loads(done("template", "get", "default_paper_watchlist")) == template


def changed_rule(template: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the template with its first rule changed."""
    first, *others = template["rules"]
    return template | {"rules": [first | changes, *others]}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda template: changed_rule(template, enabled=False), "withdrawn"),
        (lambda template: changed_rule(template, id="another"), "withdrawn"),
        (lambda template: template | {"enabled": False}, "withdrawn"),
        (lambda template: changed_rule(template, cooldown_seconds=60), "pending"),
    ],
    ids=["rule off", "rule gone", "all off", "something else"],
)
@pytest.mark.usefixtures("user")
def test_a_question_is_withdrawn_when_its_template_switches_its_rule_off(
    db: Database, tmp_path: Path, change: Any, status: str
) -> None:
    question_id = asked(db)
    template = json.loads(done("template", "get", "default_paper_watchlist"))

    done("template", "set", "default_paper_watchlist", written(tmp_path, "t", change(template)))

    (row,) = rows(db, "SELECT status FROM confirmations WHERE question_id = :q", q=question_id)
    assert row["status"] == status


@pytest.mark.usefixtures("user")
def test_a_template_is_added_and_listed(tmp_path: Path) -> None:
    template = json.loads(done("template", "get", "default_paper_watchlist"))
    done("template", "set", "calm", written(tmp_path, "t.json", template | {"enabled": False}))

    assert "calm: 0 users" in done("template", "list")
    assert "added alice, disabled" in done("user", "add", "alice", "--template", "calm")


def test_a_user_without_orders_is_deleted_without_a_trace(db: Database, user: str) -> None:
    question_id = asked(db)
    swipe(question_id, -10)

    assert f"deleted {user}" in done("user", "delete", user, "--yes")

    for table in OWNED:
        assert rows(db, f"SELECT 1 FROM {table}") == [], table  # noqa: S608 (our own names)


def test_the_orders_of_a_deleted_user_are_kept_under_a_pseudonym(db: Database, user: str) -> None:
    order_id = approved(db)
    with db.transaction() as tx:
        tx.run("UPDATE trade_orders SET status = 'rejected', reason = 'test'")

    output = done("user", "delete", user, "--yes")

    (order,) = rows(db, "SELECT firebase_uid FROM trade_orders WHERE id = :id", id=order_id)
    assert order["firebase_uid"].startswith("deleted-")
    assert order["firebase_uid"] in output
    for table in OWNED:
        assert owned(db, table, user) == []
    with db.transaction() as tx:  # nothing of ours keeps the app from deleting its own row
        assert tx.run("DELETE FROM users WHERE firebase_uid = :uid", uid=user) == 1


def test_a_user_with_an_open_order_or_position_is_not_deleted(db: Database, user: str) -> None:
    order_id = approved(db)
    assert "1 open orders" in str(countersign("user", "delete", user, "--yes").exception)

    submit(order_id)
    refused = countersign("user", "delete", user, "--yes")

    assert refused.exit_code == 1
    assert rows(db, "SELECT firebase_uid FROM trade_orders") == [{"firebase_uid": user}]


def test_deleting_covers_every_table_of_ours_that_names_a_user(db: Database) -> None:
    found = rows(
        db,
        """
        SELECT table_name AS name FROM information_schema.columns
        JOIN information_schema.tables USING (table_schema, table_name)
        WHERE column_name = 'firebase_uid' AND table_schema = 'public'
          AND table_type = 'BASE TABLE' AND table_name <> 'users'
        """,
    )

    assert {row["name"] for row in found} == {*OWNED}


def test_deleting_asks_first(db: Database, user: str) -> None:
    kept = CliRunner().invoke(main, ["user", "delete", user], input="n\n")

    assert kept.exit_code == 1
    assert len(rows(db, "SELECT * FROM user_trading_config")) == 1
