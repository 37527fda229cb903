import ast
from collections.abc import Iterator

from infra.runtime.tls import tls_context
from tests.conftest import ROOT


def test_one_context_serves_all() -> None:
    assert tls_context() is tls_context()
    assert tls_context().check_hostname


def test_every_client_uses_it() -> None:
    """A context of a client's own costs 20 ms and more of each cold start."""
    clients = dict(_clients())

    assert clients
    assert [where for where, shared in clients.items() if not shared] == []


def _clients() -> Iterator[tuple[str, bool]]:
    """Yield where a client is made, and whether with the context of all."""
    for folder in ("functions", "infra"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "httpx.Client":
                    verify = [key.value for key in node.keywords if key.arg == "verify"]
                    yield f"{file}:{node.lineno}", [*map(ast.unparse, verify)] == ["tls_context()"]
