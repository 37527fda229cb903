"""The account API as an app developer reaches it: the tokens in stack.json open it."""

from pathlib import Path

import httpx

from tests.e2e.test_dev import dev


def test_each_demo_user_reaches_his_own_config_with_his_token(tmp_path: Path) -> None:
    with dev(tmp_path) as stack:
        base = f"{stack['functions']}/account_api/v1/me/trading"
        tokens = {user["firebase_uid"]: user["id_token"] for user in stack["users"]}
        asked = {}
        for uid, token in tokens.items():
            headers = {"Authorization": f"Bearer {token}"}
            config = httpx.get(f"{base}/config", headers=headers)
            status = httpx.get(f"{base}/status", headers=headers)
            questions = httpx.get(f"{base}/questions", headers=headers)
            assert [r.status_code for r in (config, status, questions)] == [200, 200, 200]
            asked[uid] = [each["id"] for each in questions.json()["questions"]]
        nobody = httpx.get(f"{base}/config")

    assert nobody.status_code == 401
    assert len({question for ids in asked.values() for question in ids}) == len(tokens)
