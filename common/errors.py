"""What can go wrong, named by what the caller should do about it."""


class TradingError(Exception):
    """Base of every error that Countersign raises on purpose."""


class PermanentError(TradingError):
    """Trying again cannot help: malformed, badly signed, refused."""


class TransientError(TradingError):
    """Nothing happened; trying again later may help."""


class LockedError(TransientError):
    """Somebody else held what was to be locked, for longer than it was worth waiting for."""


class OutcomeUnknownError(TradingError):
    """It may have happened: ask what is true before doing anything else."""


class MalformedMessageError(PermanentError):
    """A message or body does not have the shape of its contract; each problem names its place."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class InvalidSignatureError(PermanentError):
    """The sender could not be verified."""


class InvalidReceiptError(PermanentError):
    """A receipt does not verify: changed, signed by another key, or at odds with itself."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the receipt does not verify: {reason}")


class BrokerRefusedError(PermanentError):
    """The broker understood and refused (4xx).

    `status` is the HTTP status and `message` the broker's own words: its numeric codes are reused
    for unrelated errors, so decisions are made on these two. `request_id` is its `X-Request-ID`.
    """

    def __init__(self, status: int, message: str, request_id: str | None = None) -> None:
        super().__init__(f"broker answered {status}: {message} (request id {request_id or 'none'})")
        self.status = status
        self.message = message
        self.request_id = request_id
