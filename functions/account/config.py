"""The account API's config: what a user says, merged over a template, and what it amounts to."""

from common.config import merge
from common.errors import MalformedMessageError
from common.validation import validate
from functions import edge
from functions.account import requests as asked
from functions.account.requests import Call
from functions.account.responses import config_reply, existing
from infra.postgres.users import user_configs

DEFAULT_TEMPLATE = "default_paper_watchlist"


def read_config(call: Call) -> edge.Reply:
    """Return what the user says, and what it amounts to."""
    asked.Empty.from_document(call.query)
    with call.app.database.transaction() as tx:
        return config_reply(call, existing(user_configs.read(tx, call.uid)))


def replace_config(call: Call) -> edge.Reply:
    """Store what the user says, if all of it is valid and he has seen what it replaces."""
    template_name = asked.ConfigQuery.from_document(call.query).template_name
    override = asked.config_document(call.request)
    with call.app.database.transaction() as tx:
        stored = user_configs.lock(tx, call.uid)
        asked.check_precondition(call.request, stored)
        if template_name is None:
            template_name = stored.template_name if stored else DEFAULT_TEMPLATE
        template = user_configs.template(tx, template_name) if template_name else {}
        if template is None:
            raise MalformedMessageError("template_name: there is no such template")
        config = validate(merge(template, override), call.app.settings.server_limits)
        saved = user_configs.save(
            tx, call.uid, template_name or None, override, call.now, enabled=config.enabled
        )
    return config_reply(call, saved)
