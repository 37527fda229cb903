"""A process ends when it is told to, whichever thread the kernel tells."""

import signal
import subprocess
import sys

import pytest

_WAITS = """
import signal, threading, time
from infra.runtime.ending import Ending

ending = Ending()

def tell():
    time.sleep(0.2)  # by then the main thread is asleep
    {tell}

threading.Thread(target=tell).start()
ending.wait()
print("ended")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_another_thread_is_given(number: signal.Signals) -> None:
    tell = f"signal.pthread_kill(threading.get_ident(), {number.value}); time.sleep(60)"

    assert ends(tell)


def test_somebody_in_the_process() -> None:
    assert ends("ending.end()")


def ends(tell: str) -> bool:
    code = _WAITS.format(tell=tell)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None
        said = process.stdout.readline()
        process.kill()
    return said == b"ended\n"
