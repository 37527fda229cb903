"""What runs on a developer's machine is theirs alone."""

import httpx
import pytest
from werkzeug.wrappers import Response

from infra.local.serving import HttpServer
from infra.runtime.printable import printable


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:80", 200),
        ("localhost", 200),
        ("[::1]:8080", 200),
        ("evil.example.com", 421),
        ("[127.0.0.1", 421),
        ("evil.example.com@127.0.0.1.evil.example.com", 421),
        ("", 421),
        ("127.0.0.1.evil.example.com", 421),
        ("localhost.evil.example.com:80", 421),
    ],
)
def test_a_local_server_answers_to_its_own_names_alone(host: str, status: int) -> None:
    with HttpServer(Response("here")) as server:
        reply = httpx.get(server.url, headers={"Host": host}, trust_env=False)

    assert reply.status_code == status


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SPY is down 1.6%", "SPY is down 1.6%"),
        ("größer 🚀", "größer 🚀"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("one\ntwo\r", r"one\ntwo\r"),
        ("\u202eevas", r"\u202eevas"),
    ],
)
def test_control_characters_of_others_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
