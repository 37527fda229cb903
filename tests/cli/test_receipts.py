"""`countersign receipt` and `verify`: what was consented to, proved without the database."""

import uuid
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from common.errors import InvalidReceiptError, PermanentError
from functions import wiring
from infra.auth.receipt_signature import verified
from infra.cli import main
from infra.local.key_files import make_receipt_key
from infra.postgres.database import Database
from infra.runtime.settings import SettingsError
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, rows
from tests.functions import steps
from tests.functions.steps import approved, submit, swipe, tick

WIDE = {"COLUMNS": "300"}
TYPES = [
    *("snapshot", "snapshot", "opportunity", "consent", "answer"),
    *("order", "guardrails", "broker_order", "fill"),
]


@pytest.fixture(autouse=True)
def public_key(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A key of this machine; its public key."""
    private, public = tmp_path / "key.pem", tmp_path / "key.pub.pem"
    make_receipt_key(private, public)
    environment.setenv("RECEIPT_KEY_FILE", str(private))
    wiring.reset()
    return public


@pytest.fixture
def filled(db: Database, simulator: SimulatedBroker) -> uuid.UUID:
    """An order that went the whole way."""
    return steps.filled(db, simulator)


def run(*arguments: object) -> Result:
    return CliRunner(env=WIDE).invoke(main, [str(each) for each in arguments])


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, PermanentError | SettingsError)
    return str(result.exception)


def block_spy(db: Database) -> None:
    """Let every user's config forbid what their question is about."""
    with db.transaction() as tx:
        tx.run(
            "UPDATE user_trading_config SET config ="
            """ config || '{"guardrails": {"symbols_blocklist": ["SPY"]}}'"""
        )


def test_a_receipt_is_verified_without_the_database(
    environment: pytest.MonkeyPatch, filled: uuid.UUID, tmp_path: Path, public_key: Path
) -> None:
    file = tmp_path / "receipt.jws"
    assert done("receipt", filled, "--output", file) == f"wrote {file}\n"
    for name in ("DATABASE_URL", "RECEIPT_KEY_FILE", "ALPACA_TRADING_BASE_URL"):
        environment.delenv(name, raising=False)

    shown = done("verify", file, "--key", public_key)

    lines = shown.splitlines()
    assert lines[0].startswith("Verified: signed ")
    assert lines[1].startswith(f"Order {filled}, at the broker cs-")
    assert [line.split()[1] for line in lines[2:]] == TYPES
    assert "SPY is down 1.6% vs yesterday." in shown


def test_the_brokers_order_and_the_receipt_agree_by_the_id_alone(
    simulator: SimulatedBroker, filled: uuid.UUID, tmp_path: Path, public_key: Path
) -> None:
    file = tmp_path / "receipt.jws"
    file.write_text(done("receipt", filled))  # as a shell redirects it
    (at_broker,) = simulator.ledger.orders()

    assert done("verify", file, "--key", public_key, "--client-order-id", at_broker.client_order_id)
    other = at_broker.client_order_id[:-1] + ("0" if at_broker.client_order_id[-1] != "0" else "1")
    said = refused("verify", file, "--key", public_key, "--client-order-id", other)
    assert said.startswith("the receipt does not verify: it is of cs-")


def test_a_changed_receipt_and_another_key_are_refused(
    filled: uuid.UUID, tmp_path: Path, public_key: Path
) -> None:
    file = tmp_path / "receipt.jws"
    done("receipt", filled, "--output", file)
    signed = file.read_bytes()
    for place in range(0, len(signed), 97):
        file.write_bytes(signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :])
        assert refused("verify", file, "--key", public_key).startswith("the receipt does not")

    file.write_bytes(signed)
    make_receipt_key(tmp_path / "other.pem", tmp_path / "other.pub.pem")
    said = refused("verify", file, "--key", tmp_path / "other.pub.pem")

    assert "Signature verification failed" in said
    assert "this is no public key" in refused("verify", file, "--key", file)
    assert "name the public key with --key" in refused("verify", file, "--key", tmp_path / "none")
    assert run("verify", tmp_path / "none").exit_code == 2


def test_the_key_that_receipts_verify_with_is_shown(public_key: Path) -> None:
    assert done("receipt-key") == public_key.read_text()


def test_the_whole_receipt_is_json(filled: uuid.UUID, tmp_path: Path, public_key: Path) -> None:
    file = tmp_path / "receipt.jws"
    done("receipt", filled, "--output", file)

    shown = done("verify", file, "--key", public_key, "--json")

    found = verified(file.read_bytes(), public_key.read_text())
    assert type(found).from_json(shown) == found
    assert [entry.type for entry in found.entries] == TYPES


def test_a_denied_and_an_unasked_order_have_receipts_too(
    db: Database, tmp_path: Path, public_key: Path
) -> None:
    enroll(db, USER)
    denied = approved(db)
    block_spy(db)
    submit(denied)
    enroll(db, "user-2", guardrails={"require_question_before_order": False})
    tick()
    (unasked,) = rows(db, "SELECT id FROM trade_orders WHERE question_id IS NULL")

    kinds = []
    for order_id in (denied, unasked["id"]):
        file = tmp_path / f"{order_id}.jws"
        done("receipt", order_id, "--output", file)
        found = verified(file.read_bytes(), public_key.read_text())
        kinds.append([entry.type for entry in found.entries])

    assert kinds == [TYPES[:7], [each for each in TYPES[:7] if each != "answer"]]


def test_an_order_that_somebody_inserted_has_none(db: Database, filled: uuid.UUID) -> None:
    with db.transaction() as tx:
        tx.run("UPDATE trade_orders SET consented = NULL")

    assert "that anybody consented to" in refused("receipt", filled)
    assert "there is no order" in refused("receipt", uuid.UUID(int=7))


def test_without_a_key_nothing_is_signed(
    environment: pytest.MonkeyPatch, filled: uuid.UUID
) -> None:
    environment.delenv("RECEIPT_KEY_FILE")

    assert "set RECEIPT_KMS_KEY or RECEIPT_KEY_FILE" in refused("receipt", filled)


def test_the_table_holds_every_order_to_its_terms(db: Database, filled: uuid.UUID) -> None:
    """What was consented to cannot be rewritten while the broker's id stays."""
    for change in (
        'consented = replace(consented, \'"notional_usd":"10"\', \'"notional_usd":"99"\')',
        "client_order_id = left(client_order_id, -1) || 'x'",
        "firebase_uid = 'user-2'",
    ):
        enroll(db, "user-2")
        with pytest.raises(Exception, match="trade_orders_check"), db.transaction() as tx:
            tx.run(f"UPDATE trade_orders SET {change} WHERE id = :id", id=filled)  # noqa: S608


def test_an_old_config_or_a_rewritten_question_changes_no_receipt(
    db: Database, filled: uuid.UUID, public_key: Path
) -> None:
    """The app owns `questions`; what was consented to is kept with the order."""
    first = verified(done("receipt", filled).encode(), public_key.read_text())
    with db.transaction() as tx:
        tx.run("UPDATE questions SET question_text = 'Sell everything?', metadata = '{}'")

    second = verified(done("receipt", filled).encode(), public_key.read_text())

    assert second.entries == first.entries


def test_a_second_answer_changes_nothing(db: Database, filled: uuid.UUID, public_key: Path) -> None:
    (order,) = rows(db, "SELECT question_id FROM trade_orders")
    first = verified(done("receipt", filled).encode(), public_key.read_text())

    assert swipe(order["question_id"], 10).status_code == 200

    assert verified(done("receipt", filled).encode(), public_key.read_text()).entries == (
        first.entries
    )


def test_verifying_needs_no_environment_at_all(
    environment: pytest.MonkeyPatch, tmp_path: Path, public_key: Path
) -> None:
    environment.delenv("DATABASE_URL")
    file = tmp_path / "receipt.jws"
    file.write_text("no receipt")

    result = run("verify", file, "--key", public_key)

    assert isinstance(result.exception, InvalidReceiptError)
