"""The environment's credentials as a bearer token, for calls of Google's REST APIs."""

from typing import Any


class AccessToken:
    """A token of the default credentials, renewed when it is due. Safe to share."""

    def __init__(self, service: str, scope: str) -> None:
        """`service` is named in errors."""
        self._service = service
        self._scope = scope
        self._credentials: Any = None

    def header(self) -> dict[str, str]:
        """Return the Authorization header; raises TransientError or PermanentError."""
        # Imported here: an emulated run and its tests need no Google credentials at all.
        import google.auth  # noqa: PLC0415
        import google.auth.exceptions  # noqa: PLC0415
        import google.auth.transport.requests  # noqa: PLC0415

        from infra.gcp.sign_in import no_credentials  # noqa: PLC0415

        try:
            if self._credentials is None:
                self._credentials, _ = google.auth.default(scopes=[self._scope])
            if not self._credentials.valid:
                self._credentials.refresh(google.auth.transport.requests.Request())
        except google.auth.exceptions.GoogleAuthError as error:
            raise no_credentials(self._service, error) from error
        return {"Authorization": f"Bearer {self._credentials.token}"}
