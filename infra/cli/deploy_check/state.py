"""What Terraform says that there is: `terraform show -json`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from common.errors import PermanentError

Values = dict[str, Any]


@dataclass(frozen=True)
class State:
    """The managed resources of a state."""

    resources: tuple[tuple[str, Values], ...]

    @classmethod
    def parse(cls, text: str) -> "State":
        """Read what `terraform show -json` printed; raises PermanentError."""
        try:
            found = json.loads(text)["values"]["root_module"]["resources"]
            resources = [
                (each["type"], each["values"]) for each in found if each["mode"] == "managed"
            ]
        except (ValueError, KeyError, TypeError):
            raise PermanentError(
                "not the output of `terraform show -json`, or nothing was applied yet"
            ) from None
        return cls(tuple(resources))

    def all(self, kind: str) -> Iterator[Values]:
        """Yield the resources of a kind."""
        return (values for each, values in self.resources if each == kind)

    def granting(self) -> Iterator[tuple[str, Values]]:
        """Yield the grants (`…_iam_member`), with their kinds."""
        return ((kind, values) for kind, values in self.resources if kind.endswith("_iam_member"))
