"""Settings of the worker that follows the broker's streams."""

import re

from pydantic import BaseModel, field_validator

STREAM_URL = "wss://stream.data.alpaca.markets"
_LOOPBACK = re.compile(r"wss?://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")


class StreamSettings(BaseModel, defer_build=True):
    """Where the stream is; the feed and the number of symbols are settings of their own."""

    alpaca_stream_url: str = STREAM_URL

    @field_validator("alpaca_stream_url")
    @classmethod
    def _nobody_else_gets_the_keys(cls, url: str) -> str:
        plain = url.removesuffix("/")
        if plain != STREAM_URL and not _LOOPBACK.fullmatch(plain):
            raise ValueError(f"must be {STREAM_URL}, or on this machine")
        return plain


def order_stream_url(trading_base_url: str, stream_url: str) -> str:
    """Return where order updates come from: the trading host, and in a simulator its streams.

    Raises ValueError where the trading host is on this machine and the streams are not.
    """
    if trading_base_url.startswith("https://"):
        return f"wss://{trading_base_url.removeprefix('https://')}/stream"
    if stream_url == STREAM_URL:
        raise ValueError("must be on this machine, where ALPACA_TRADING_BASE_URL is")
    return f"{stream_url}/stream"
