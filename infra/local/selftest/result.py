"""What the self-test says of one thing that it tried."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Result:
    """One guardrail, silence or rule type: what was tried, what had to come of it, and what did."""

    kind: Literal["rule", "guardrail", "silence"]
    name: str
    tried: str
    expected: str
    seen: str

    @property
    def ok(self) -> bool:
        """Whether it tripped as it must."""
        return self.expected == self.seen

    def to_json(self) -> dict[str, object]:
        """Return the object that `--json` prints."""
        return vars(self) | {"ok": self.ok}


def untried(kind: Literal["rule", "guardrail"], name: str) -> Result:
    """Say of something that there is no scenario for it: a limit that nothing ever tripped."""
    return Result(kind, name, "nothing", "a scenario in infra/local/selftest", "none")
