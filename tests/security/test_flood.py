"""Hostile requests beside honest ones, under gunicorn with threads, as deployed.

`make flood N=100000` runs the long one.
"""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from infra.postgres.database import Database
from tests.conftest import enroll, rows
from tests.functions.account.account import Account
from tests.functions.steps import tick
from tests.security.deployed import Deployed
from tests.security.hostile import API, RULE, Hostile

HONEST = ("ann", "bob", "eve")
ATTACKERS = 4
REQUESTS = 600
SERVER_ERROR, OK = 500, 200


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=120, trust_env=False)


class Honest:
    """A user who reads and writes what is theirs, and knows what must come back."""

    def __init__(self, http: httpx.Client, account: Account, uid: str, known: set[str]) -> None:
        self._client = http
        self._headers = {"authorization": f"Bearer {Account(account.key_file, uid).token()}"}
        self._uid = uid
        self._known = known
        self._rounds = 0

    def round(self) -> None:
        """Do what an app does; every reply must be right."""
        self._rounds += 1
        staleness = 100 + self._rounds % 900
        rules = [RULE | {"question_template": f"secret of {self._uid}"}]
        override = {"rules": rules, "max_staleness_seconds": staleness}
        headers = self._headers | {"if-match": "*"}
        saved = self._client.put(f"{API}/config", json=override, headers=headers)
        assert saved.status_code == OK, saved.text
        assert saved.json()["override"] == override
        assert self._read("config")["override"] == override
        assert {each["id"] for each in self._read("questions")["questions"]} == self._known
        assert self._read("orders")["orders"] == []
        assert self._read("status")["caps"]["orders_per_day"]["used"] == 0

    def _read(self, what: str) -> Any:
        reply = self._client.get(f"{API}/{what}", headers=self._headers)
        assert reply.status_code == OK, reply.text
        return reply.json()


def attack(url: str, hostile: Hostile, count: int, seen: Counter[int]) -> list[str]:
    """Send hostile requests; return what went wrong."""
    wrong: list[str] = []
    with client(url) as http:
        for each in hostile.requests(count):
            reply = http.request(
                each.method, each.path, content=each.body, headers=each.headers, params=each.query
            )
            seen[reply.status_code] += 1
            if reply.status_code >= SERVER_ERROR or "secret of" in reply.text:
                wrong.append(f"{reply.status_code} {each!r:.600} -> {reply.text:.300}")
    return wrong


def test_no_hostile_request_harms_anybody(
    gunicorn: Deployed, account: Account, db: Database, request: pytest.FixtureRequest
) -> None:
    count = int(request.config.getoption("--flood", default=REQUESTS))
    for uid in HONEST:
        enroll(db, uid, rules=[RULE | {"question_template": f"secret of {uid}"}])
    tick()
    asked = rows(db, "SELECT firebase_uid, question_id FROM confirmations")
    known = {
        uid: {str(each["question_id"]) for each in asked if each["firebase_uid"] == uid}
        for uid in HONEST
    }
    assert all(known.values())
    over, seen = threading.Event(), Counter[int]()

    def live(uid: str) -> int:
        rounds = 0
        with client(gunicorn.url) as http:
            honest = Honest(http, account, uid, known[uid])
            while not over.is_set() or not rounds:
                honest.round()
                rounds += 1
        return rounds

    with ThreadPoolExecutor(len(HONEST) + ATTACKERS) as pool:
        lives = [pool.submit(live, uid) for uid in HONEST]
        attacks = []
        for number in range(ATTACKERS):
            uid = f"mallory-{number}"
            enroll(db, uid)
            token = Account(account.key_file, uid).token()
            hostile = Hostile(number, uid, token)
            attacks.append(pool.submit(attack, gunicorn.url, hostile, count // ATTACKERS, seen))
        try:
            wrong = [line for each in attacks for line in each.result()]
        finally:
            over.set()
        rounds = sum(each.result() for each in lives)

    print(f"{sum(seen.values())} hostile requests {dict(seen)}, {rounds} honest rounds")  # noqa: T201
    assert wrong == []
    assert tick().status_code == OK
    assert not {shared["firebase_uid"] for shared in _set_aside(db)} & set(HONEST)


def _set_aside(db: Database) -> list[dict[str, Any]]:
    return rows(
        db, "SELECT firebase_uid FROM set_aside_configs JOIN user_trading_config USING (config_key)"
    )
