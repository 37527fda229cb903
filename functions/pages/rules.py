"""Rules: what each last said and with which numbers, how often it fired, and a user's config."""

import json
from datetime import date, timedelta
from typing import Any

from werkzeug.exceptions import NotFound

from common.errors import MalformedMessageError
from common.market import trading_day, trading_day_start
from common.wire import to_wire
from functions.account.requests import config_document
from functions.edge import problem
from functions.pages.rendering import Reply, page
from functions.pages.requests import Call
from infra.postgres.console import rules
from infra.postgres.users import set_aside_configs, user_configs
from infra.workflows import config_preview, config_store

_SHOWN = 60
_USERS = 50
_DAYS = 7


def show(call: Call) -> Reply:
    """Show each rule and symbol: fired or why not, with the numbers, and the last days."""
    days = [trading_day(call.now) - timedelta(days=back) for back in reversed(range(_DAYS))]
    with call.app.database.transaction() as tx:
        since = trading_day_start(call.now) - timedelta(days=_DAYS)
        fired: dict[tuple[str, str], dict[date, int]] = {}
        for row in rules.fired_by_day(tx, since):
            fired.setdefault((row["rule_id"], row["symbol"]), {})[row["day"]] = row["fired"]
        statuses = [
            row
            | {
                "strip": [
                    (day, fired.get((row["rule_id"], row["symbol"]), {}).get(day, 0))
                    for day in days
                ]
            }
            for row in rules.statuses(tx, _SHOWN)
        ]
        users = rules.users(tx, _USERS)
        aside = set_aside_configs.list_all(tx)
    return page(call, "rules", statuses=statuses, users=users, aside=aside)


def edit(call: Call) -> Reply:
    """Show what a user overrides in their template, ready to be edited on the local stack."""
    uid = call.request.args.get("user", "")
    stored = _stored(call, uid)
    text = json.dumps(to_wire(stored.override), indent=2, ensure_ascii=False)
    return _form(call, uid, text, stored)


def save(call: Call) -> Reply:
    """Save an edited config, or show each of its problems with its place."""
    if not call.is_local:
        raise NotFound("Only its own user can change a config.")
    uid, text = call.field("user"), call.request.form.get("config", "")
    stored = _stored(call, uid)
    try:
        override = config_document(text)
        if call.field("do") == "preview":
            return _form(call, uid, text, stored, preview=_preview(call, stored, override))
        with call.app.database.transaction() as tx:
            locked = user_configs.lock(tx, uid)
            limits = call.app.settings.server_limits
            config_store.replace(tx, uid, locked, override, None, limits, call.now)
    except MalformedMessageError as error:
        return _form(call, uid, text, stored, problems=[problem(each) for each in error.problems])
    saved = _stored(call, uid)
    return _form(call, uid, text, saved, notice="Saved: the next tick evaluates it.")


def _preview(
    call: Call, stored: user_configs.UserConfig, override: dict[str, Any]
) -> list[config_preview.WouldAsk]:
    """Say what the edited config would have asked today; raises MalformedMessageError."""
    limits = call.app.settings.server_limits
    with call.app.database.transaction() as tx:
        config = config_store.effective(tx, stored, override, limits)
        return config_preview.would_have_asked(tx, config, call.now)


def _stored(call: Call, uid: str) -> user_configs.UserConfig:
    with call.app.database.transaction() as tx:
        stored = user_configs.read(tx, uid)
    if stored is None:
        raise NotFound("There is no such user.")
    return stored


def _form(
    call: Call,
    uid: str,
    text: str,
    stored: user_configs.UserConfig,
    *,
    problems: list[dict[str, Any]] | None = None,
    preview: list[config_preview.WouldAsk] | None = None,
    notice: str = "",
) -> Reply:
    return page(
        call,
        "config",
        notice=notice,
        status=422 if problems else 200,
        uid=uid,
        text=text,
        stored=stored,
        problems=problems or [],
        preview=preview,
    )
