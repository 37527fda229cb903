"""The functions under gunicorn for the tests of a module, with users who live there."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from functions import wiring
from infra.local.app_backend import signed_headers
from infra.local.serving import HttpServer
from infra.local.stack import WEBHOOK_SECRET
from infra.postgres.database import Database, connector
from tests.conftest import (
    NOON,
    enroll,
    fresh_database,
    market_at_noon,
    rows,
    set_environment,
    silent_bus,
)
from tests.functions.account.account import Account, google_keys
from tests.functions.steps import event
from tests.security.deployed import Deployed, deployed
from tests.security.hostile import API, RULE

OK = 200
MIB = 1024


@dataclass(frozen=True)
class Site:
    """A deployment to attack, and what its users see of it."""

    server: Deployed
    http: httpx.Client
    db: Database
    key_file: Path

    def call(self, uid: str, method: str, path: str, **request: Any) -> httpx.Response:
        """Call the account API with a user's token."""
        headers = {"authorization": f"Bearer {Account(self.key_file, uid).token()}"}
        headers |= request.pop("headers", {})
        return self.http.request(method, API + path, headers=headers, **request)

    def put(self, uid: str, override: object) -> httpx.Response:
        """Save a user's config."""
        text = override if isinstance(override, bytes) else json.dumps(override)
        return self.call(uid, "PUT", "/config", content=text, headers={"if-match": "*"})

    def answer(self, body: bytes, **headers: str) -> httpx.Response:
        """Post to the webhook: signed, where no headers are given."""
        signed = headers or signed_headers(WEBHOOK_SECRET, body.decode("latin-1"))
        return self.http.post("/answer", content=body, headers=signed)

    def tick(self) -> None:
        """Ingest and evaluate."""
        assert self.http.post("/ingest").status_code == OK
        headers, body = event(json.dumps({"ingested_at": NOON.isoformat(), "stored": 1}).encode())
        assert self.http.post("/evaluate", content=body, headers=headers).status_code == OK

    def questions(self, uid: str) -> set[UUID]:
        """Read from the database what a user was asked."""
        sql = "SELECT question_id FROM confirmations WHERE firebase_uid = :uid"
        return {each["question_id"] for each in rows(self.db, sql, uid=uid)}

    @contextmanager
    def memory_within(self, megabytes: int) -> Iterator[None]:
        """Fail if the process that serves needs so much more at any moment of the block."""
        (self.server.worker / "clear_refs").write_text("5")  # the peak begins here
        before = self._memory("VmRSS")
        yield
        more = self._memory("VmHWM") - before
        assert more < megabytes * MIB, f"it took {more} kB"

    def _memory(self, which: str) -> int:
        found = re.search(rf"{which}:\s+(\d+) kB", (self.server.worker / "status").read_text())
        assert found
        return int(found[1])


class Neighbour:
    """A user who wants nothing but what is theirs, and counts whether they get it."""

    def __init__(self, site: Site, uid: str) -> None:
        self._site = site
        self._uid = uid
        self._rule = RULE | {"question_template": f"secret of {uid}"}
        enroll(site.db, uid, rules=[self._rule])

    @cached_property
    def _asked(self) -> set[UUID]:
        found = self._site.questions(self._uid)
        assert found
        return found

    def is_served(self, staleness: int) -> None:
        """Save and read; every reply must be right."""
        override = {"rules": [self._rule], "max_staleness_seconds": staleness}
        saved = self._site.put(self._uid, override)
        assert (saved.status_code, saved.json().get("override")) == (OK, override)
        assert self._read("config")["override"] == override
        shown = self._read("questions")["questions"]
        assert {UUID(each["id"]) for each in shown} == self._asked
        assert self._read("orders")["orders"] == []

    def _read(self, what: str) -> Any:
        reply = self._site.call(self._uid, "GET", f"/{what}")
        assert reply.status_code == OK, reply.text
        return reply.json()


@contextmanager
def site(postgres: str, firebase_key: Path, folder: Path, **settings: str) -> Iterator[Site]:
    """Run all that a deployment needs, with these settings over those of the tests."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        url = stack.enter_context(fresh_database(postgres))
        broker = stack.enter_context(market_at_noon())
        broker_url = stack.enter_context(HttpServer(broker.app)).url
        set_environment(patch, url, broker, broker_url, stack.enter_context(silent_bus()))
        for name, value in settings.items():
            patch.setenv(name, value)
        stack.enter_context(google_keys(patch, firebase_key))
        stack.callback(wiring.reset)
        db = Database(connector(url))
        stack.callback(db.close)
        server = stack.enter_context(deployed(folder))
        http = stack.enter_context(httpx.Client(base_url=server.url, timeout=120, trust_env=False))
        yield Site(server, http, db, firebase_key)


def neighbours(found: Site, uids: tuple[str, ...]) -> Callable[[], None]:
    """Return what asserts that these users, who are asked now, are served right."""
    users = [Neighbour(found, uid) for uid in uids]
    found.tick()
    rounds = iter(range(100, 1000))

    def are_served() -> None:
        for each in users:
            each.is_served(next(rounds))

    return are_served
