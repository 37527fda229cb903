"""What is said of answers: every error code, and a signature that all languages compute alike."""

import ast
import shutil
import subprocess
import sys

import pytest
import yaml

from common.questions import AnswerRefusal
from functions import answer, edge
from infra.local.docs import answer_docs, message_docs
from infra.local.docs.answer_docs import ERRORS, SNIPPETS
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / message_docs.PAGE).read_text()
PROGRAMS = {"python": [sys.executable, "-c"], "javascript": ["node", "-e"], "sh": ["sh", "-c"]}
# What the kinds of errors are that no request to `answer` or to the account API is answered with.
ELSEWHERE = {"invalid_signature", "unknown_question", "wrong_user"}


def said_in_code() -> set[str]:
    """Collect the first argument of each `edge.error(...)` of the account API."""
    files = [ROOT / "functions/edge.py", *(ROOT / "functions/account").glob("*.py")]
    calls = [
        node
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("edge.") == "error"
    ]
    constants = [call.args[0] for call in calls if isinstance(call.args[0], ast.Constant)]
    return {str(constant.value) for constant in constants}


def test_every_refusal_of_an_answer_is_listed_with_its_status() -> None:
    listed = {code: status for status, codes in ERRORS.items() for code in codes}

    refused = {refusal.value: answer._REFUSED[refusal][1] for refusal in AnswerRefusal}
    assert refused.items() <= listed.items()
    assert listed[answer.UNKNOWN_QUESTION] == 404
    kinds = {code: status for _, code, status in edge._STATUS if code in listed}
    assert kinds.items() <= listed.items()
    assert all(f"| {status} | `{code}` |" in PAGE for code, status in listed.items())


def test_every_code_of_the_account_api_is_in_the_openapi_document() -> None:
    document = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
    code = document["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]

    known = said_in_code() | {code for _, code, _ in edge._STATUS}
    known |= {refusal.value for refusal in AnswerRefusal}
    assert known - ELSEWHERE <= set(code["enum"])
    assert all(f"`{each}`" in code["description"] for each in code["enum"])


@pytest.mark.parametrize("name", SNIPPETS)
def test_the_signature_is_the_same_in_every_language(name: str) -> None:
    kind, program = SNIPPETS[name]
    needed = {"javascript": ["node"], "sh": ["sh", "openssl"]}.get(kind, [])
    if not all(map(shutil.which, needed)):
        pytest.skip(f"this machine has nothing that runs {name}")

    done = subprocess.run(  # noqa: S603 (what the page shows)
        [*PROGRAMS[kind], program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == answer_docs.signature()
    assert f"webhook-signature: {answer_docs.signature()}" in PAGE
    assert program in PAGE
