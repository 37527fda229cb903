"""A deployment as Terraform planned it, read from its JSON."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Values = dict[str, Any]

_NODE = re.compile(r'"(\S+)" \[label=')
_EDGE = re.compile(r'"(\S+)" -> "(\S+)"')

SCHEDULER = "serviceAccount:countersign-scheduler@my-countersign-project.iam.gserviceaccount.com"
PUSH = "serviceAccount:countersign-push@my-countersign-project.iam.gserviceaccount.com"
OPERATOR = "serviceAccount:countersign-operator@my-countersign-project.iam.gserviceaccount.com"
STREAM = "serviceAccount:countersign-stream@my-countersign-project.iam.gserviceaccount.com"
APP_BACKEND = "serviceAccount:app-backend@my-app-project.iam.gserviceaccount.com"


@dataclass(frozen=True)
class Deployment:
    """Every resource's values by address; what only Google knows is a placeholder."""

    by_address: Mapping[str, Values]
    needs: Mapping[str, frozenset[str]]  # each block, and the blocks that it directly waits for

    @classmethod
    def of(cls, plan: Values, applied: Values, graph: str) -> "Deployment":
        """Read a plan, with what came of applying it to the stand-in, and its graph (DOT)."""
        made = {r["address"]: r["values"] for r in applied["values"]["root_module"]["resources"]}
        planned = {c["address"] for c in plan["resource_changes"] if c["mode"] == "managed"}
        assert planned == {address for address in made if not address.startswith("data.")}
        needs: dict[str, set[str]] = {block: set() for block in _NODE.findall(graph)}
        for block, needed in _EDGE.findall(graph):
            needs[block].add(needed)
        return cls(made, {block: frozenset(needed) for block, needed in needs.items()})

    def awaits(self, block: str) -> set[str]:
        """Return the blocks (`kind.name`) that are made before a block, directly or not."""
        found: set[str] = set()
        left = [block]
        while left:
            for needed in self.needs.get(left.pop(), frozenset()) - found:
                found.add(needed)
                left.append(needed)
        return found

    @property
    def blocks(self) -> set[str]:
        """The blocks (`kind.name`) that make resources, also those that this plan makes none of."""
        return {block for block in self.needs if not block.startswith("data.")}

    @property
    def pubsub_agent(self) -> str:
        """The IAM member of Pub/Sub's own account, as making it told."""
        return str(self.one("google_project_service_identity", "pubsub")["member"])

    def all(self, kind: str) -> list[Values]:
        """Return the resources of a type."""
        return [values for a, values in self.by_address.items() if a.startswith(f"{kind}.")]

    def each(self, kind: str, name: str = "this") -> dict[str, Values]:
        """Return the resources that one block makes, by the key that each is made for."""
        prefix = f'{kind}.{name}["'
        return {
            address.removeprefix(prefix).removesuffix('"]'): values
            for address, values in self.by_address.items()
            if address.startswith(prefix)
        }

    def one(self, kind: str, name: str) -> Values:
        """Return a resource that there is one of."""
        return self.by_address[f"{kind}.{name}"]

    @property
    def functions(self) -> dict[str, Values]:
        """The functions by entry point."""
        return self.each("google_cloudfunctions2_function")

    def environment(self, function: str) -> dict[str, str]:
        """Return what a function is told."""
        given: dict[str, str] = self.functions[function]["service_config"][0][
            "environment_variables"
        ]
        return given

    def account(self, function: str) -> str:
        """Return the IAM member that a function runs as."""
        email = self.functions[function]["service_config"][0]["service_account_email"]
        return f"serviceAccount:{email}"

    def grants(self) -> Iterator[tuple[str, str, str]]:
        """Yield all that is granted: the kind of resource, the role and the member."""
        for address, values in self.by_address.items():
            kind = address.partition(".")[0]
            if kind.endswith("_iam_member"):
                yield kind, values["role"], values["member"]
