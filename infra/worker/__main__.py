"""`python -m infra.worker`: what a deployment runs; `countersign stream` runs the same."""

from infra.clients import Clients
from infra.runtime import json_logs
from infra.runtime.settings import Settings
from infra.worker import process, streams


def main() -> None:
    """Follow the streams that the environment names, until SIGTERM."""
    clients = Clients(Settings.from_environment(), pool_size=streams.CONNECTIONS)
    json_logs.configure(project=clients.settings.google_cloud_project)
    clients.secrets.refuse_weak()
    try:
        process.run(streams.workers(clients))
    finally:
        clients.close()


if __name__ == "__main__":
    main()
