"""What a page is asked for, and from where."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import flask
from werkzeug.exceptions import Forbidden

from functions.wiring import Wiring

# Who signed in, as Identity-Aware Proxy tells it: `accounts.google.com:person@example.com`.
_SIGNED_IN = "X-Goog-Authenticated-User-Email"


@dataclass(frozen=True)
class Call:
    """A request for a page, and the time of the one who asks."""

    app: Wiring
    request: flask.Request
    now: datetime

    @property
    def base(self) -> str:
        """What stands before the console's paths: nothing where it is deployed by itself."""
        return self.request.script_root

    @property
    def is_local(self) -> bool:
        """Whether this is the local stack, where the console may answer and drive the market."""
        return bool(self.app.settings.app_backend_url)

    @property
    def simulator_url(self) -> str:
        """Where the simulator is; empty where there is none."""
        settings = self.app.settings
        return settings.alpaca_trading_base_url if self.is_local and settings.broker_clock else ""

    @property
    def who(self) -> str:
        """Who asks, for the record of what they change."""
        email = self.request.headers.get(_SIGNED_IN, "").rpartition(":")[2]
        return f"console ({email})" if email else "console"

    def field(self, name: str) -> str:
        """Return what a form's field holds, without blanks around it."""
        return self.request.form.get(name, "").strip()


def check_origin(request: flask.Request) -> None:
    """Refuse what another site's page sends in its visitor's name; raises Forbidden."""
    if request.method == "GET":
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    elsewhere = site not in {"same-origin", "none"} if site else _is_foreign(origin, request.host)
    if elsewhere:
        raise Forbidden("This page only takes what its own forms send.")


def _is_foreign(origin: str | None, host: str) -> bool:
    return origin is not None and urlsplit(origin).netloc != host
