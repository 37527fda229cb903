"""`python -m infra` is `countersign`."""

from infra.cli import run

run()
