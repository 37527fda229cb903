"""Settings of the worker that follows the stream of stock data."""

import re

from pydantic import BaseModel, field_validator

STREAM_URL = "wss://stream.data.alpaca.markets"
_LOOPBACK = re.compile(r"wss?://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")


class StreamSettings(BaseModel):
    """Where the stream is; the feed and the number of symbols are settings of their own."""

    alpaca_stream_url: str = STREAM_URL

    @field_validator("alpaca_stream_url")
    @classmethod
    def _nobody_else_gets_the_keys(cls, url: str) -> str:
        plain = url.removesuffix("/")
        if plain != STREAM_URL and not _LOOPBACK.fullmatch(plain):
            raise ValueError(f"must be {STREAM_URL}, or on this machine")
        return plain
