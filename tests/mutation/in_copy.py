"""What `make mutants` does with mutmut in the copy: a script, so that it imports no test there.

in_copy.py generate | judge FILE_OF_NAMES PROCESSES | results
"""

import json
import os
import sys
from pathlib import Path

from mutmut import __main__ as mutmut
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.stats import status_by_exit_code
from mutmut.utils import file_utils

MUTANTS = Path("mutants")


def generate() -> None:
    """Write every mutant of every function beside it."""
    set_mutant_under_test("mutant_generation")
    MUTANTS.mkdir()
    file_utils.copy_src_dir()
    file_utils.copy_also_copy_files()
    file_utils.setup_source_paths()
    mutmut.create_mutants(os.cpu_count() or 1)


def judge(names: list[str], processes: int) -> None:
    """Run the tests against each mutant. That all pass without one was seen just before."""
    stats = json.loads((MUTANTS / "mutmut-stats.json").read_text())
    seconds: dict[str, float] = stats["duration_by_test"]
    quick = {min(seconds, key=seconds.__getitem__)}
    setattr(mutmut, "tests_for_mutant_names", lambda _: quick)  # noqa: B010 (mypy minds)
    mutmut._run(names, processes)


def results() -> None:
    """Print what became of each mutant, and the change of each that survived, as JSON."""
    found: dict[str, tuple[str, str]] = {}
    for path in file_utils.walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name, code in data.exit_code_by_key.items():
            status = status_by_exit_code[code]
            diff = get_diff_for_mutant(name, path=path) if status == "survived" else ""
            found[name] = status, diff
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1] == "generate":
        generate()
    elif sys.argv[1] == "judge":
        judge(Path(sys.argv[2]).read_text().split(), int(sys.argv[3]))
    else:
        results()
