"""The broker's refusals: a status and a JSON body with code, message and extras."""

from typing import Any

BAD_INPUT = 40010001
FORBIDDEN = 40310000
NOT_FOUND = 40410000
UNPROCESSABLE = 42210000


class ApiError(Exception):
    """Ends a request with this status and body."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


def bad_input(message: str) -> ApiError:
    """422: a field is missing or malformed."""
    return ApiError(422, {"code": BAD_INPUT, "message": message})


def unprocessable(message: str) -> ApiError:
    """422: well formed, but against the rules."""
    return ApiError(422, {"code": UNPROCESSABLE, "message": message})


def forbidden(message: str, **extra: Any) -> ApiError:
    """403: the account may not do this now; extras say why in figures."""
    return ApiError(403, {"code": FORBIDDEN, "message": message, **extra})


def not_found(message: str) -> ApiError:
    """404 of the trading API."""
    return ApiError(404, {"code": NOT_FOUND, "message": message})


def bad_data_request(message: str) -> ApiError:
    """400 of the data API: a message without a code."""
    return ApiError(400, {"message": message})


def not_simulated(what: str) -> ApiError:
    """501, which the broker never answers: a gap of the simulator must not look like success."""
    return ApiError(501, {"message": f"the simulator does not know {what} yet"})
