"""Computes what a month costs, by component and size, from the prices and usage of costs.yaml.

`python docs/scripts/costs.py` prints the table of docs/deploy.md; a test compares the two.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

Inputs = Mapping[str, Mapping[str, float]]
KIB_PER_GIB = 1024**2
BACKUPS = 1.3  # incremental: what is kept of 30 days, in disks


@dataclass(frozen=True)
class Size:
    """How many users, the machine behind them, and what they watch together."""

    users: int
    tier: str
    zones: int
    symbols: int
    ingest_seconds: float


def functions(inputs: Inputs, size: Size) -> float:
    """Cloud Run functions: CPU and memory of requests and of waiting for them, and requests."""
    prices, free, work, month = (inputs[n] for n in ("prices", "free", "work", "month"))
    ticks = month["minutes"] * inputs["deployment"]["minutely_jobs"]
    calls = {
        work["quiet_seconds"]: ticks - month["market_minutes"],
        size.ingest_seconds: month["market_minutes"],
        work["evaluate_seconds"]: month["market_minutes"],
        work["answer_seconds"]: _of_all(inputs, size, "questions"),
        work["submit_seconds"]: _of_all(inputs, size, "orders"),
        work["account_seconds"]: _of_all(inputs, size, "account_calls"),
    }
    seconds = sum(each * count for each, count in calls.items())
    memory = seconds * inputs["deployment"]["memory_gib"]
    warm = inputs["deployment"]["warm_instances"] * month["hours"] * 3600
    idle = warm * (
        prices["idle_cpu_second"]
        + inputs["deployment"]["memory_gib"] * prices["idle_memory_gib_second"]
    )
    return (
        idle
        + _beyond(seconds, free["cpu_seconds"]) * prices["cpu_second"]
        + _beyond(memory, free["memory_gib_seconds"]) * prices["memory_gib_second"]
        + _beyond(sum(calls.values()), free["requests"]) / 1e6 * prices["million_requests"]
    )


def database(inputs: Inputs, size: Size) -> float:
    """Cloud SQL: the machine in each zone, its disk and its backups."""
    prices, hours = inputs["prices"], inputs["month"]["hours"]
    hourly = prices["sql_shared_core_hour"]
    if size.tier.startswith("db-custom-"):
        _, _, cpus, megabytes = size.tier.split("-")
        memory = int(megabytes) / 1024
        hourly = int(cpus) * prices["sql_cpu_hour"] + memory * prices["sql_memory_gb_hour"]
    disk = disk_gb(inputs, size)
    return (
        size.zones * (hourly * hours + disk * prices["sql_disk_gb"])
        + disk * BACKUPS * prices["sql_backup_gb"]
    )


def disk_gb(inputs: Inputs, size: Size) -> float:
    """Return the disk after a year: market data as long as it is kept, users' rows for ever."""
    facts = inputs["facts"]
    rows = size.symbols * facts["rows_per_symbol_and_minute"] * facts["minutes_a_day"]
    market = rows * facts["days_kept"] * facts["kb_per_row"] / 1e6
    users = size.users * inputs["user"]["rows_kb"] * 12 / 1e6
    return max(10.0, market + users)


def messages(inputs: Inputs, size: Size) -> float:
    """Pub/Sub: each message once published and once delivered."""
    orders = _of_all(inputs, size, "orders")
    count = (
        inputs["month"]["market_minutes"]
        + _of_all(inputs, size, "questions")
        + orders * (1 + inputs["user"]["updates_per_order"])
    )
    gib = 2 * count * inputs["work"]["message_kib"] / KIB_PER_GIB
    return _beyond(gib, inputs["free"]["pubsub_gib"]) / 1024 * inputs["prices"]["pubsub_tib"]


def logs_and_alerts(inputs: Inputs, size: Size) -> float:
    """Cloud Logging and Monitoring: lines, conditions, and the series that conditions read."""
    prices, month = inputs["prices"], inputs["month"]
    lines = month["minutes"] * inputs["deployment"]["minutely_jobs"] * 2 + 2 * sum(
        _of_all(inputs, size, each) for each in ("questions", "orders", "account_calls")
    )
    conditions = inputs["deployment"]["alert_conditions"]
    return (
        _beyond(lines * inputs["work"]["log_kib"] / KIB_PER_GIB, inputs["free"]["logs_gib"])
        * prices["logs_gib"]
        + conditions * prices["alert_condition"]
        + conditions * month["minutes"] * 2 / 1e6 * prices["million_series_read"]
    )


def scheduler_and_secrets(inputs: Inputs, size: Size) -> float:  # noqa: ARG001 (of any size)
    """Cloud Scheduler by jobs, Secret Manager by versions (reads are cached: within the free)."""
    prices, free, deployed = inputs["prices"], inputs["free"], inputs["deployment"]
    return (
        _beyond(deployed["jobs"], free["scheduler_jobs"]) * prices["scheduler_job"]
        + _beyond(deployed["secrets"], free["secret_versions"]) * prices["secret_version"]
    )


def receipts(inputs: Inputs, size: Size) -> float:
    """Cloud KMS: the versions of the key, and a signature for each receipt."""
    signed = _of_all(inputs, size, "receipts")
    return (
        inputs["deployment"]["key_versions"] * inputs["prices"]["key_version"]
        + signed / 10_000 * inputs["prices"]["ten_thousand_signatures"]
    )


def builds_and_images(inputs: Inputs, size: Size) -> float:  # noqa: ARG001 (of any size)
    """Cloud Build by minutes, Artifact Registry by what it keeps."""
    prices, deployed = inputs["prices"], inputs["deployment"]
    return (
        deployed["builds"] * deployed["build_minutes"] * prices["build_minute"]
        + _beyond(deployed["images_gb"], inputs["free"]["registry_gb"]) * prices["registry_gb"]
    )


def network(inputs: Inputs, size: Size) -> float:
    """What leaves for the internet: replies to users, requests to the broker."""
    replies = _of_all(inputs, size, "account_calls") + _of_all(inputs, size, "questions")
    asked = inputs["month"]["market_minutes"] * (1 + size.symbols / 100)
    gib = (replies + asked) * inputs["work"]["reply_kib"] / KIB_PER_GIB
    return _beyond(gib, inputs["free"]["egress_gib"]) * inputs["prices"]["egress_gib"]


COMPONENTS = {
    "Cloud SQL": database,
    "Functions": functions,
    "Pub/Sub": messages,
    "Logs and alerts": logs_and_alerts,
    "Scheduler and secrets": scheduler_and_secrets,
    "Receipts": receipts,
    "Builds and images": builds_and_images,
    "Network": network,
}


def table(inputs: Inputs, sizes: Sequence[Size]) -> str:
    """Write the costs of a month as Markdown, a column for each size."""
    heads = [_plural(size.users) for size in sizes]
    costs = {name: [cost(inputs, size) for size in sizes] for name, cost in COMPONENTS.items()}
    costs["**A month**"] = [sum(column) for column in zip(*costs.values(), strict=True)]
    lines = [
        f"| US dollars | {' | '.join(heads)} |",
        f"|---|{'---:|' * len(sizes)}",
        f"| (database) | {' | '.join(_machine(size) for size in sizes)} |",
    ]
    for name, row in costs.items():
        lines.append(f"| {name} | {' | '.join(f'{cost:,.2f}' for cost in row)} |")
    return "\n".join(lines)


def _machine(size: Size) -> str:
    return f"{size.tier}, {'one zone' if size.zones == 1 else 'two zones'}"


def _plural(users: int) -> str:
    return f"{users:,} user{'s' if users > 1 else ''}"


def _of_all(inputs: Inputs, size: Size, what: str) -> float:
    return size.users * inputs["user"][what]


def _beyond(used: float, free: float) -> float:
    return max(0.0, used - free)


def of_file(path: Path) -> str:
    """Return the table of a file of inputs."""
    inputs = yaml.safe_load(path.read_text("utf-8"))
    return table(inputs, [Size(**size) for size in inputs.pop("sizes")])


if __name__ == "__main__":
    sys.stdout.write(of_file(Path(__file__).with_suffix(".yaml")) + "\n")
