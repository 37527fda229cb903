"""The functions' clients, made from the environment once per instance.

They are reused over invocations; a transaction is opened per call.
"""

import threading
from functools import cached_property
from typing import TYPE_CHECKING

from infra.clients import Clients
from infra.runtime import json_logs as structured_logging
from infra.runtime.rate_limiter import RateLimiter
from infra.runtime.settings import Settings

if TYPE_CHECKING:
    from infra.auth.firebase_tokens import FirebaseTokens
    from infra.postgres.dashboard.kpi_views import Views
    from infra.workflows.kpis.push import DashboardClients
    from infra.workflows.outbox_relay import Relay


class Wiring(Clients):
    """The clients, and what the functions make of them; all made when first asked for."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, pool_size=settings.database_pool_size)
        self.secrets.refuse_weak()
        _ = self.database  # made before any thread asks: each could make a pool of its own

    @property
    def asks_users(self) -> bool:
        """Whether the operator's switches let rules be evaluated and users be asked."""
        return self.settings.trading_enabled and self.settings.trading_worker_eval_enabled

    @cached_property
    def callers(self) -> RateLimiter:
        """What each caller has asked of this instance."""
        settings = self.settings
        return RateLimiter(
            settings.max_caller_requests_per_minute, settings.max_caller_requests_at_once
        )

    @cached_property
    def relay(self) -> "Relay":
        """The way from the outbox to the topics."""
        from infra.workflows.outbox_relay import Relay  # noqa: PLC0415 (not every function's)

        return Relay(self.database, self.publisher, self.clock)

    @cached_property
    def dashboard_clients(self) -> "DashboardClients":
        """The dashboard's API and, where it is configured, its database behind it."""
        from infra.workflows.kpis.push import dashboard_clients  # noqa: PLC0415 (one function's)

        return dashboard_clients(self.settings, self.secrets)

    @cached_property
    def id_tokens(self) -> "FirebaseTokens":
        """The users' ID tokens; imported when first used, the cryptography behind it is heavy."""
        from infra.auth.firebase_keys import FirebaseKeys  # noqa: PLC0415
        from infra.auth.firebase_tokens import FirebaseTokens  # noqa: PLC0415

        project = self.settings.require("firebase_project_id")
        return FirebaseTokens(project, FirebaseKeys(self.settings.firebase_keys_url))

    @cached_property
    def views(self) -> "Views":
        """The names of the KPI views."""
        from infra.workflows.kpis.snapshot import views  # noqa: PLC0415 (one function's)

        return views(self.settings)


_lock = threading.Lock()
_current: Wiring | None = None


def current() -> Wiring:
    """Return this instance's wiring, made from the environment at the first call."""
    global _current  # noqa: PLW0603 (one per process is the point)
    with _lock:
        if _current is None:
            structured_logging.configure()
            settings = Settings.from_environment()
            structured_logging.configure(project=settings.google_cloud_project)
            _current = Wiring(settings)
        return _current


def reset() -> None:
    """Forget the wiring, so that the next call reads the environment again."""
    global _current  # noqa: PLW0603
    with _lock:
        if _current is not None:
            _current.close()
        _current = None
