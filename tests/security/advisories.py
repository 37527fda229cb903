"""Looks the pinned packages up among known vulnerabilities.

`python -m tests.security.advisories`: fails on a known one, and says so when the advisories cannot
be had from here, which is no failure.
"""

import json
import subprocess
import sys

COMMAND = ("pip_audit", "--disable-pip", "--require-hashes", "--format", "json", "--timeout", "10")


def main() -> int:
    """Print what is known of the pins; return the process's status."""
    done = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-m", *COMMAND, "--requirement", "requirements.txt"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1][:200]
        print(f"skipped: the advisories cannot be had from here ({reason})")  # noqa: T201
        return 0
    known = [(each["name"], bug["id"]) for each in packages for bug in each.get("vulns", ())]
    for name, advisory in known:
        print(f"{name}: {advisory}")  # noqa: T201
    print(f"{len(packages)} packages, {len(known)} known vulnerabilities")  # noqa: T201
    return 1 if known else 0


if __name__ == "__main__":
    sys.exit(main())
