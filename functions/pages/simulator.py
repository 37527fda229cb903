"""The bar that drives the simulator: time, prices, splits, faults. Only on the local stack."""

import os
import re
import signal
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import flask
from werkzeug.exceptions import BadRequest, NotFound

from common.bounds import is_ordinary
from functions.pages.rendering import FAULTS, Reply, page
from functions.pages.requests import Call
from functions.pages.simulator_client import ask

_SYMBOL = re.compile(r"[A-Z]{1,6}(\.[A-Z])?(/[A-Z]{3,4})?")
_MINUTE = 60
_PARAMETERS = {"status": {"status": 503}}


def act(call: Call, action: str) -> Reply:
    """Do what a form of the bar asks for, and say what came of it."""
    do = _ACTIONS.get(action)
    if do is None or not call.simulator_url:
        raise NotFound("There is no simulator here.")
    return page(call, "simulator", notice=do(call))


def _pause(call: Call) -> str:
    ask(call, "PUT", "/clock", {"speed": 0})
    return "The clock stands."


def _run(call: Call) -> str:
    speed = _positive(call.field("speed") or "1", "speed")
    ask(call, "PUT", "/clock", {"speed": float(speed)})
    return f"The clock runs at {speed} times real time."


def _step(call: Call) -> str:
    ask(call, "PUT", "/clock", {"advance_seconds": _MINUTE})
    return "One minute has passed."


def _price(call: Call) -> str:
    symbol, last = _symbol(call), _positive(call.field("last"), "price")
    ask(call, "PUT", f"/market/{symbol}", {"last": str(last), "live": True})
    return f"{symbol} trades at ${last}: the next tick sees it."


def _split(call: Call) -> str:
    symbol = _symbol(call)
    if "/" in symbol:
        raise BadRequest("A pair of currencies is not split.")
    announced = ask(call, "POST", f"/splits/{symbol}", {"new_rate": 2})
    return f"Two shares of {symbol} come for one on {announced['ex_date']}: halve its price then."


def _symbol(call: Call) -> str:
    symbol = call.field("symbol").upper()
    if not _SYMBOL.fullmatch(symbol):
        raise BadRequest("The symbol must be one of a stock or of a crypto pair.")
    return symbol


def _fault(call: Call) -> str:
    kind = call.field("kind")
    if kind not in FAULTS:
        raise BadRequest("There is no such fault.")
    ask(call, "POST", "/faults", {"kind": kind, "times": 1, **_PARAMETERS.get(kind, {})})
    return f"This will happen once: {FAULTS[kind]}."


def _kill(call: Call) -> str:  # noqa: ARG001 (it concerns this process alone)
    flask.after_this_request(_kill_after)
    return "The functions' process was killed: it starts again, and nothing is lost."


def _kill_after(response: flask.Response) -> flask.Response:
    response.call_on_close(lambda: os.kill(os.getpid(), signal.SIGKILL))
    return response


_ACTIONS: dict[str, Callable[[Call], str]] = {
    "pause": _pause,
    "run": _run,
    "step": _step,
    "price": _price,
    "split": _split,
    "fault": _fault,
    "kill": _kill,
}


def _positive(text: str, name: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise BadRequest(f"The {name} must be a number.") from error
    if not (is_ordinary(number) and number > 0):
        raise BadRequest(f"The {name} must be above zero and of ordinary size.")
    return number
