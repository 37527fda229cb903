"""How messages are written to a stream's frames, and read from them."""

import json
from collections.abc import Sequence
from typing import Any, Protocol

import msgpack

from infra.simulator.market.timestamps import parse

Message = dict[str, Any]


class Codec(Protocol):
    """Writes and reads one encoding."""

    def write(self, messages: Sequence[Message]) -> str | bytes:
        """Return the frame of these messages: text, or bytes for a binary one."""

    def read(self, frame: str | bytes) -> Any:
        """Return what a frame says; raise ValueError when it is not of this encoding."""


class JsonArrays:
    """JSON arrays in text frames: stock data, unless it is asked for otherwise."""

    def write(self, messages: Sequence[Message]) -> str:
        """Return the text of the array."""
        return json.dumps(messages)

    def read(self, frame: str | bytes) -> Any:
        """Return what the client sends: one object."""
        return _json(frame)


class MsgpackArrays:
    """Msgpack arrays in binary frames: stock data with Content-Type application/msgpack.

    `t` is a timestamp of msgpack's own type, which the official client converts.
    """

    def write(self, messages: Sequence[Message]) -> bytes:
        """Return the packed array."""
        return bytes(msgpack.packb([_stamped(message) for message in messages]))

    def read(self, frame: str | bytes) -> Any:
        """Return what the client sends: one map."""
        if isinstance(frame, str):
            raise ValueError("a text frame is not msgpack")  # noqa: TRY004 (the protocol's error)
        try:
            return msgpack.unpackb(frame)
        except (msgpack.UnpackException, TypeError) as error:
            raise ValueError("not msgpack") from error


class JsonObjects:
    """JSON objects, one in each binary frame: order updates of a paper account."""

    def write(self, messages: Sequence[Message]) -> bytes:
        """Return the bytes of the only message."""
        (message,) = messages
        return json.dumps(message).encode()

    def read(self, frame: str | bytes) -> Any:
        """Return what the client sends: one object, in a text or a binary frame."""
        return _json(frame)


def _json(frame: str | bytes) -> Any:
    try:
        return json.loads(frame)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _stamped(message: Message) -> Message:
    if "t" not in message:
        return message
    return message | {"t": msgpack.Timestamp.from_unix_nano(parse(message["t"]))}
