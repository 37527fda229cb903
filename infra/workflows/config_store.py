"""Saves a user's trading config: merged over its template, validated, under the user's lock."""

from datetime import datetime
from typing import Any

from common.config import TradingConfig, merge
from common.errors import MalformedMessageError
from common.server_limits import ServerLimits
from common.validation import validate
from infra.postgres.batches import in_batches
from infra.postgres.database import Database, Transaction
from infra.postgres.trading import confirmations
from infra.postgres.users import config_inputs, configs, templates, user_configs
from infra.postgres.users.configs import SharedConfig
from infra.postgres.users.user_configs import UserConfig

DEFAULT_TEMPLATE = "default_paper_watchlist"
NO_TEMPLATE = ""


def replace(
    tx: Transaction,
    firebase_uid: str,
    stored: UserConfig | None,
    override: dict[str, Any],
    template_name: str | None,
    limits: ServerLimits,
    now: datetime,
) -> UserConfig:
    """Replace the override of a locked user, whose config is `stored`, if the result is valid.

    `template_name` None keeps the template of `stored` (a new user gets the default one), and
    NO_TEMPLATE uses none. Questions of rules that are switched off by it are withdrawn. Raises
    MalformedMessageError that names every problem with its path.
    """
    template_name = _template_of(stored, template_name)
    config = _validated(tx, override, template_name, limits)
    _refuse_too_many_symbols(tx, firebase_uid, config, limits)
    confirmations.withdraw_of_user(tx, firebase_uid, _asking(config), now)
    saved = user_configs.save(
        tx, firebase_uid, template_name or None, override, now, enabled=config.enabled
    )
    if config.enabled:
        config_inputs.add(tx, SharedConfig(saved.config_key, config))
    return saved


def effective(
    tx: Transaction, stored: UserConfig, override: dict[str, Any], limits: ServerLimits
) -> TradingConfig:
    """Return what an override would amount to over the user's template, saving nothing.

    Raises MalformedMessageError that names every problem with its path.
    """
    return _validated(tx, override, _template_of(stored, None), limits)


def _refuse_too_many_symbols(
    tx: Transaction, firebase_uid: str, config: TradingConfig, limits: ServerLimits
) -> None:
    """Refuse a config with which all users together would watch more than the server allows."""
    if not config.enabled:
        return
    together = config_inputs.symbols_with(tx, firebase_uid, sorted(config.all_symbols))
    most = limits.max_server_symbols
    if together > most:
        raise MalformedMessageError(f"data_inputs: {config_inputs.too_many(together, most)}")


def _asking(config: TradingConfig) -> list[str]:
    """Name the rules that may still ask."""
    return [rule.id for rule in config.rules if config.enabled and rule.enabled]


def _template_of(stored: UserConfig | None, template_name: str | None) -> str | None:
    if template_name is not None:
        return template_name
    return stored.template_name if stored else DEFAULT_TEMPLATE


def _validated(
    tx: Transaction, override: dict[str, Any], template_name: str | None, limits: ServerLimits
) -> TradingConfig:
    template = templates.read(tx, template_name) if template_name else {}
    if template is None:
        raise MalformedMessageError(f"template_name: there is no template {template_name!r}")
    return validate(merge(template, override), limits)


def replace_template(tx: Transaction, name: str, template: dict[str, Any], now: datetime) -> None:
    """Replace a template, which may be incomplete: what users say over it completes it.

    What is obsolete by it is to be withdrawn after the commit. Raises MalformedMessageError that
    names the users whose configs it would make invalid.
    """
    broken = [
        f"{firebase_uid}: {error}"
        for firebase_uid, override in templates.overrides(tx, name)
        if (error := _invalid(merge(template, override)))
    ]
    if broken:
        raise MalformedMessageError(*broken)
    templates.save(tx, name, template, now)


def withdraw_obsolete(database: Database, limits: ServerLimits, now: datetime) -> int:
    """Withdraw the questions whose rule or user is enabled no more; return how many.

    One that is locked at this moment, and what is left of very many, is the next call's.
    """

    def withdraw(tx: Transaction, at_most: int) -> int:
        # Read anew each time: a rule may be switched on, and ask, in between.
        asking = [
            (shared.key, rule_id)
            for shared in configs.active(tx, limits).shared
            for rule_id in _asking(shared.config)
        ]
        return confirmations.withdraw_obsolete(tx, asking, at_most, now)

    return in_batches(database, withdraw, size=confirmations.AT_ONCE, batches=confirmations.BATCHES)


def _invalid(document: Any) -> MalformedMessageError | None:
    try:
        TradingConfig.from_document(document)
    except MalformedMessageError as error:
        return error
    return None
