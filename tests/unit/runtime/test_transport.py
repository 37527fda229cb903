"""Every failure that an HTTP call can have is translated into one of ours."""

import inspect
import traceback
from collections.abc import Iterator

import httpx
import pytest

from common.errors import OutcomeUnknownError, PermanentError, TradingError, TransientError
from infra.runtime.http_errors import transport_errors

SECRET = "hidden-key"
URL = "https://broker.example/v2/orders?hidden-query"
REQUEST = httpx.Request("POST", URL, headers={"APCA-API-SECRET-KEY": SECRET})
MESSAGE = f"{URL} {SECRET}"

NEVER_SENT = {httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout}
MALFORMED = {httpx.InvalidURL, httpx.UnsupportedProtocol}


def with_subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for each in kind.__subclasses__():
        yield from with_subclasses(each)


KINDS = sorted(
    {
        kind
        for root in (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)
        for kind in with_subclasses(root)
        if kind.__name__ in httpx.__all__
    },
    key=lambda kind: kind.__name__,
)


def made(kind: type[Exception]) -> Exception:
    """Make an error as httpx would, with everything in it that must not get out."""
    available = {"message": MESSAGE, "request": REQUEST, "response": httpx.Response(500)}
    wanted = inspect.signature(kind).parameters
    return kind(**{name: value for name, value in available.items() if name in wanted})


def translated(error: Exception, *, writes: bool) -> TradingError:
    with pytest.raises(TradingError) as raised, transport_errors("the broker", writes=writes):
        raise error
    return raised.value


def test_the_list_is_all_that_httpx_can_raise() -> None:
    public = {
        kind
        for name in httpx.__all__
        if isinstance(kind := getattr(httpx, name), type) and issubclass(kind, Exception)
    }

    # Cookies are looked up by name only by who asks for one: no call does.
    assert public - set(KINDS) == {httpx.CookieConflict}
    assert len(KINDS) > 20


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_read_may_always_be_tried_again_unless_it_is_malformed(
    kind: type[Exception],
) -> None:
    error = translated(made(kind), writes=False)

    assert type(error) is (PermanentError if kind in MALFORMED else TransientError)


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_write_may_have_happened_unless_it_was_never_sent(kind: type[Exception]) -> None:
    error = translated(made(kind), writes=True)

    expected = (
        TransientError
        if kind in NEVER_SENT
        else PermanentError
        if kind in MALFORMED
        else OutcomeUnknownError
    )
    assert type(error) is expected


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_message_names_peer_and_kind_and_nothing_secret(
    kind: type[Exception], *, writes: bool
) -> None:
    cause = made(kind)

    error = translated(cause, writes=writes)

    # What quotes a header is not chained: it would put a key into every logged traceback.
    quoting = (*MALFORMED, httpx.LocalProtocolError)
    assert error.__cause__ is (None if isinstance(cause, quoting) else cause)
    assert "the broker" in str(error)
    assert kind.__name__ in str(error)
    for hidden in (SECRET, "hidden", "broker.example", "https"):
        assert hidden not in str(error)
        assert hidden not in repr(error)


@pytest.mark.parametrize("error", [ValueError("ours"), KeyError("ours"), TransientError("ours")])
def test_what_is_not_of_httpx_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, transport_errors("the broker", writes=True):
        raise error

    assert raised.value is error


def test_a_call_that_works_is_left_alone() -> None:
    with transport_errors("the broker", writes=True):
        answer = 1

    assert answer == 1


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "127.0.0.1", "http://127.0.0.1:port/", "//"])
def test_a_request_that_cannot_be_sent_is_permanent(url: str) -> None:
    with (
        httpx.Client() as client,
        pytest.raises(PermanentError) as raised,
        transport_errors("the broker", writes=True),
    ):
        client.post(url)

    assert "127.0.0.1" not in traceback.format_exception_only(raised.value)[0]
