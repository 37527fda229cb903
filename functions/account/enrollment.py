"""Who may become a user."""

from werkzeug.exceptions import Forbidden

from infra.auth.identity import Identity
from infra.runtime.limit_settings import LimitSettings


def check(identity: Identity, settings: LimitSettings) -> None:
    """Let in whom the operator lets in; raises Forbidden."""
    admits = {
        "open": True,
        "closed": False,
        "allow_list": identity.uid in settings.allow_list,
        "claim": identity.claims.get(settings.enrollment_claim) is True,
    }
    if not admits[settings.enrollment]:
        raise Forbidden("you are not enrolled here, and may not enroll yourself")
