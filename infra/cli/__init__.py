"""`countersign …`: what a person at a terminal can do. One file per group of commands."""

import sys

import click
from dotenv import load_dotenv

from common.errors import TradingError
from infra.cli import (
    completion,
    config,
    controls,
    dead_letters,
    fixtures,
    local,
    messages,
    migrate,
    positions,
    schedules,
    status,
    stream,
    templates,
    tokens,
    users,
)
from infra.cli.deploy_check.command import deploy_check
from infra.cli.doctor.command import doctor
from infra.cli.kpis.push_snapshot import push_snapshot
from infra.cli.orders import receipts, trace


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="countersign")
def main() -> None:
    """Watch markets, ask their owner, and trade only after a yes."""


for _command in (
    local.demo,
    local.dev,
    status.status,
    status.watch,
    local.answer,
    local.replay,
    local.selftest,
    users.user,
    config.config,
    templates.template,
    tokens.token,
    fixtures.fixtures,
    messages.messages,
    controls.halt,
    controls.resume,
    trace.trace,
    receipts.receipt,
    receipts.receipt_key,
    receipts.verify,
    dead_letters.dead_letters,
    positions.positions,
    migrate.migrate,
    push_snapshot,
    schedules.schedules,
    stream.stream,
    doctor,
    deploy_check,
    completion.completion,
):
    main.add_command(_command)


def run() -> None:
    """Run `main`; what we raise on purpose is one clear line and exit status 1, not a traceback."""
    load_dotenv(".env")  # the variables of the process stand above it
    try:
        main()
    except TradingError as error:
        click.echo(f"countersign: {error}", err=True)
        sys.exit(1)
