"""What the account API answers, and how it says no: always JSON, with a stable code."""

from typing import TypeVar

from werkzeug.exceptions import Conflict, NotFound

from common.config import TradingConfig, with_default_feed
from common.errors import MalformedMessageError
from common.wire import to_wire
from functions import edge
from functions.account.requests import Call
from infra.postgres.pages import Page
from infra.postgres.users.user_configs import UserConfig

_Found = TypeVar("_Found")


def existing(found: _Found | None) -> _Found:
    """Return what was found; what is not there, and what is another's, is a 404."""
    if found is None:
        raise NotFound("there is no such thing of yours")
    return found


def effective(call: Call, stored: UserConfig) -> tuple[TradingConfig | None, tuple[str, ...]]:
    """Return the config that a user's words amount to, or why they amount to none (any more)."""
    try:
        feed = call.app.settings.alpaca_data_feed
        return TradingConfig.from_document(with_default_feed(stored.merged, feed)), ()
    except MalformedMessageError as error:
        return None, error.problems


def valid(call: Call, stored: UserConfig) -> TradingConfig:
    """Return the effective config; raises Conflict when it is not valid any more."""
    config, _ = effective(call, stored)
    if config is None:
        raise Conflict("your config is not valid any more: GET config says why")
    return config


def config_reply(call: Call, stored: UserConfig) -> edge.Reply:
    """Show a config, with the tag that its replacement must name."""
    config, problems = effective(call, stored)
    body = {
        "config": config.model_dump(mode="json") if config else None,
        "config_hash": config.hash if config else None,
        "override": stored.override,
        "template_name": stored.template_name,
        "enabled": stored.enabled,
        "updated_at": stored.updated_at,
        "problems": [edge.problem(each) for each in problems],
        "notes": list(_notes(call, config)),
    }
    return to_wire(body), 200, {"ETag": f'"{stored.version}"'}


def page_reply(name: str, page: Page) -> edge.Reply:
    """Show a page, and the cursor of the next one."""
    cursor = str(page.next) if page.next else None
    return to_wire({name: page.rows, "next_cursor": cursor}), 200


def _notes(call: Call, config: TradingConfig | None) -> list[str]:
    """Say what is stored but will not work here."""
    live = config is not None and config.mode == "live"
    if live and not (call.app.settings.alpaca_allow_live and call.app.settings.broker_is_live):
        return ["mode is live, but this server trades paper: orders will be denied"]
    return []
