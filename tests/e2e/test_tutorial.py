"""The tutorial, and the guide to rules, followed literally: each command as it stands there."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.e2e.test_dev import dev, pending_question
from tests.unit.docs.test_site import commands, json_blocks

PAGES = ("tutorial/first-question.md", "tutorial/your-own-rule.md", "guides/write-a-rule.md")
# `countersign dev` runs already, in the environment that this test runs in.
STARTED = {"make dev", "source .venv/bin/activate"}


def typed(command: str, folder: Path) -> str:
    """Type a command into a shell in the reader's folder, and return what it prints."""
    path = f"{Path(sys.executable).parent}:{os.defpath}"
    done = subprocess.run(  # noqa: S603 (what our own page says)
        ["/bin/sh", "-c", command],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_it_can_be_followed_as_it_stands(tmp_path: Path) -> None:
    printed: dict[str, str] = {}
    with dev(tmp_path) as stack:
        question_id, _ = pending_question(stack)
        order_id = ""
        for page in PAGES:
            if configs := json_blocks(ROOT / "docs" / page):
                (tmp_path / "mine.json").write_text(configs[0])
            for command in commands(ROOT / "docs" / page):
                if command in STARTED or (command in printed and "replay" in command):
                    continue
                told = command.replace("QUESTION_ID", question_id).replace("ORDER_ID", order_id)
                printed[command] = typed(told, tmp_path)
                if command.startswith("countersign answer"):
                    order_id = json.loads(printed[command])["order_id"]

    assert "dip_confirm" in printed["countersign trace ORDER_ID"]
    verified = printed["countersign verify receipt.jws --key receipt-key.pub.pem"]
    assert verified.startswith("Verified: signed ")
    assert json.loads(printed["countersign config get demo-user"])["rules"][0]["id"]
    assert "oversold_dip" in (tmp_path / "mine.svg").read_text()
