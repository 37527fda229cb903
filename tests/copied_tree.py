"""A copy of the tree, for those who change the code to see whether a test notices."""

import shutil
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]


def copy_tree(folder: Path, names: Iterable[str]) -> None:
    """Copy files and folders of the project's root, without what Python has compiled."""
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / name, folder / name)
