"""Who signed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Identity:
    """A user, and what else their token says of them: claims that the project has added."""

    uid: str
    claims: Mapping[str, Any]
