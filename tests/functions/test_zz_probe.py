"""probe: halt between a lost POST and its redelivery."""
import pytest
from datetime import timedelta
from infra import operate
from tests.functions.steps import approved, submit, order_row
pytestmark = pytest.mark.usefixtures("environment")

@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("what", ["halt", "expire", "drift", "closed"])
def test_probe(db, simulator, what):
    order_id = approved(db)
    simulator.faults.add("status", status=503, method="POST", path="/v2/orders")
    submit(order_id)
    if what == "halt":
        operate.halt(db, simulator.clock, None, "stop", "ops")
    if what == "expire":
        simulator.clock.advance(timedelta(hours=3))
    if what == "drift":
        simulator.market.set_price("SPY", 600, live=True)
    if what == "closed":
        simulator.clock.advance(timedelta(hours=20))
    reply = submit(order_id)
    print(what, reply.status_code, order_row(db, order_id)["status"], len(simulator.books.orders()))
    assert simulator.books.orders() == []
