"""The account API's config: what a user says, merged over a template, and what it amounts to."""

from functions import edge
from functions.account import enrollment
from functions.account import requests as asked
from functions.account.requests import Call
from functions.account.responses import config_reply, existing
from infra.postgres.users import user_configs
from infra.workflows import config_store


def read_config(call: Call) -> edge.Reply:
    """Return what the user says, and what it amounts to."""
    asked.Empty.from_document(call.query)
    with call.transaction() as tx:
        return config_reply(call, existing(user_configs.read(tx, call.uid)))


def replace_config(call: Call) -> edge.Reply:
    """Store what the user says, if all of it is valid and they have seen what it replaces."""
    template_name = asked.ConfigQuery.from_document(call.query).template_name
    override = asked.config_document(call.request.get_data())
    with call.transaction() as tx:
        stored = user_configs.read(tx, call.uid)
        if stored is None:
            enrollment.check(call.identity, call.app.settings)
        stored = user_configs.lock(tx, call.uid)
        asked.check_precondition(call.request, stored)
        limits = call.app.settings.server_limits
        saved = config_store.replace(
            tx, call.uid, stored, override, template_name, limits, call.now
        )
    return config_reply(call, saved)
