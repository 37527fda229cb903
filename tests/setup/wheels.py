"""Tiny wheels: packages to install, and newer releases that an index may offer at any time.

`python -m tests.setup.wheels requirements.txt FOLDER` writes an empty newer release of every
package that the lock file names, for `PIP_FIND_LINKS=FOLDER`.
"""

import hashlib
import re
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

NEWER = "9999.0"


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    files: Mapping[str, str] | None = None,
    metadata: Iterable[str] = (),
) -> Path:
    """Write a wheel of pure Python that holds `files`, and return its path."""
    described = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata]
    info = f"{name}-{version}.dist-info"
    content = {
        **(files or {}),
        f"{info}/METADATA": "\n".join(described) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in (*content, f"{info}/RECORD"))
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, text in (*content.items(), (f"{info}/RECORD", record)):
            archive.writestr(file, text)
    return wheel


def locked(wheel: Path, extra: str = "") -> str:
    """Return the line that pins a wheel in a lock file."""
    name, version = wheel.name.split("-")[:2]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}{extra}=={version} --hash=sha256:{digest}\n"


def write_newer_releases(lock: Path, folder: Path) -> list[str]:
    """Write an empty newer release of all that a lock file names; return the names."""
    names = re.findall(r"^([\w.-]+)\S*==", lock.read_text(), re.MULTILINE)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        write_wheel(folder, name.replace("-", "_"), NEWER)
    return names


if __name__ == "__main__":
    print(len(write_newer_releases(Path(sys.argv[1]), Path(sys.argv[2]))), "newer releases")  # noqa: T201
