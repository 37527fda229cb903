"""`countersign token`: act as a user of the local stack."""

import click

from common.errors import PermanentError
from infra.cli.options import FOLDER, examples
from infra.runtime.clock import SystemClock


@click.command(
    epilog=examples(
        "countersign token demo-user",
        'curl -H "Authorization: Bearer $(countersign token demo-user)" URL',
    )
)
@click.argument("uid")
def token(*, uid: str) -> None:
    r"""Print an ID token of the user UID that the running local stack accepts.

    \b
    curl -H "Authorization: Bearer $(countersign token demo-user)" \
        http://127.0.0.1:8080/account_api/v1/me/trading/status
    """
    from infra.local import firebase  # noqa: PLC0415 (local only)
    from infra.local.stack import FIREBASE_KEY, PROJECT  # noqa: PLC0415

    key_file = FOLDER / FIREBASE_KEY
    if not key_file.exists():
        raise PermanentError(f"{key_file} is not there: start `countersign dev` in this folder")
    click.echo(firebase.id_token(key_file, PROJECT, uid, SystemClock().now()))
