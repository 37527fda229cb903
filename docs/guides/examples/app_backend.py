"""An app backend in Python: receives questions and trade updates, sends signed answers.

PORT, ANSWER_URL and ANSWER_WEBHOOK_SECRET come from the environment. Nothing to install.
"""

import base64
import hashlib
import hmac
import json
import os
import time
import urllib.request
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER_URL = os.environ["ANSWER_URL"]
KEY = base64.b64decode(os.environ["ANSWER_WEBHOOK_SECRET"].removeprefix("whsec_"))
seen = set()  # in your database: messages arrive at least once


class AppBackend(BaseHTTPRequestHandler):
    """Takes what the topics push: /questions and /updates."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        message = json.loads(body)["message"]
        event = json.loads(base64.b64decode(message["data"]))
        new = message["attributes"]["message_id"] not in seen
        seen.add(message["attributes"]["message_id"])
        self.send_response(204)  # stored: anything but a 2xx brings it again
        self.end_headers()
        if new and self.path == "/questions":
            print(event["question_text"], event["consequence"], flush=True)
            answer(event, swipe(event))
        elif new:
            print(event["text"], flush=True)


def swipe(question):
    """Show the question and return what its user says, from -10 to +10. Here it is always yes."""
    return 10


def answer(question, value):
    """Send the answer as a Standard Webhook; until there is a reply below 500, send it again."""
    document = {
        "question_id": question["question_id"],
        "firebase_uid": question["firebase_uid"],
        "answer": value,
        "answered_at": datetime.now(UTC).isoformat(),
    }
    body, message_id = json.dumps(document).encode(), f"msg_{uuid.uuid4().hex}"
    sent_at = str(int(time.time()))
    signed = f"{message_id}.{sent_at}.".encode() + body
    signature = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": sent_at,
        "webhook-signature": f"v1,{signature}",
    }
    request = urllib.request.Request(ANSWER_URL, body, headers)
    with urllib.request.urlopen(request, timeout=40) as reply:
        print("decided:", json.load(reply)["decision"], flush=True)


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), AppBackend).serve_forever()
