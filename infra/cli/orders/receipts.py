"""`countersign receipt ORDER_ID`, `verify FILE`, `receipt-key`: proof of what was consented to."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from common.errors import InvalidReceiptError, PermanentError
from common.receipts.receipt import Receipt
from infra.cli.connections import open_clients
from infra.cli.options import AS_JSON, FOLDER, examples
from infra.runtime.printable import printable
from infra.workflows import receipts

PUBLIC_KEY = FOLDER / "receipt-key.pub.pem"
# How an entry reads.
_LINES = {
    "snapshot": "{symbol} {metric} {price} ({feed}) as of {as_of}",
    "opportunity": "{symbol} at {price}, {pct} % from {reference}, {fired_at}",
    "consent": "{question_text}",
    "answer": "{value}: {decision}, {decided_at}",
    "order": "{side} {symbol}: {status}",
    "guardrails": "{verdict}",
    "broker_order": "{id}: {status}, {submitted_at}",
    "fill": "{qty} at {price}, {filled_at}",
}


@click.command(
    epilog=examples("countersign receipt 4a824e0a-b9cc-44f8-a486-ae61d131e9ec --output receipt.jws")
)
@click.argument("order_id", type=click.UUID)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write it to."
)
def receipt(*, order_id: Any, output: Path | None) -> None:
    """Give an order's receipt, signed (docs/receipts.md): a compact JWS."""
    clients = open_clients()
    with clients.database.transaction() as tx:
        found = receipts.of_any_user(tx, order_id, clients.clock.now())
    if found is None:
        raise PermanentError(f"there is no order {order_id} that anybody consented to")
    signed = clients.receipt_signer.sign(found.to_canonical())
    if output is None:
        click.echo(signed)
    else:
        output.write_text(signed)
        click.echo(f"wrote {output}")


@click.command("receipt-key", epilog=examples("countersign receipt-key > receipt-key.pub.pem"))
def receipt_key() -> None:
    """Show the public key that receipts verify with (PEM)."""
    click.echo(open_clients().receipt_signer.public_key, nl=False)


@click.command(epilog=examples("countersign verify receipt.jws --key receipt-key.pub.pem"))
@click.argument("file", type=click.File("rb"))
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=PUBLIC_KEY,
    show_default=True,
    help="The public key (PEM).",
)
@click.option("--client-order-id", help="The order's id in the broker's own records.")
@AS_JSON
def verify(*, file: Any, key_file: Path, client_order_id: str | None, as_json: bool) -> None:
    """Check a receipt with the public key alone, without database and network."""
    # Imported here: the cryptography behind it is heavy.
    from infra.auth.receipt_signature import key_id, verified  # noqa: PLC0415

    public_key = _read(key_file)
    found = verified(file.read(), public_key)
    if client_order_id not in {None, found.client_order_id}:
        raise InvalidReceiptError(f"it is of {found.client_order_id}, not of {client_order_id}")
    if as_json:
        click.echo(json.dumps(found.model_dump(mode="json"), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(map(printable, _lines(found, key_id(public_key)))))


def _read(key_file: Path) -> str:
    try:
        return key_file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentError(
            f"{key_file} cannot be read: name the public key with --key"
            " (`countersign receipt-key` shows it)"
        ) from error


def _lines(found: Receipt, key: str) -> Iterator[str]:
    yield f"Verified: signed {found.issued_at.isoformat()} by key {key}"
    yield f"Order {found.order_id}, at the broker {found.client_order_id}"
    for entry in found.entries:
        yield f"  {entry.hash[:8]}  {entry.type:<13}{_LINES[entry.type].format_map(entry.body)}"
