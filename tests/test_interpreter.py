"""The end of the interpreter while other threads are in calls, and interpreters beside the first."""

import subprocess
import sys

import pytest

# A daemon thread that is in a call, or between two, when the main thread ends.
DAEMON = """
import threading, time
import numpy as np, forwardpass as fp
net = fp.Sequential(fp.Linear.random({width}, {width}, rng=0), fp.ReLU())
W = net[0].weight
x = np.ones(({rows}, {width}), np.float32)
def work():
    while True: {call}
for _ in range(3): threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
print("end")
"""


@pytest.mark.parametrize("call", ["net(x)", "net(x, num_threads=1)", "fp.linear(x, W)", "net(x[:1])"])
@pytest.mark.parametrize(("width", "rows"), [(400, 64), (1024, 20_000)])
def test_daemon_threads_in_calls(call: str, width: int, rows: int) -> None:
    code = DAEMON.format(call=call, width=width, rows=rows)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_calls_at_exit_and_in_a_forked_child() -> None:
    """An exit handler may call; a child of a process with calls in other threads waits for none of them."""
    code = """
import atexit, os, threading, time
import numpy as np, forwardpass as fp
net, x = fp.Linear.random(512, 512, rng=0), np.ones((2000, 512), np.float32)
right = net(x)
atexit.register(lambda: print((net(x) == right).all(), flush=True))
def work():
    while True: net(x)
threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["True", "True"], "")


def test_a_subinterpreter_is_refused() -> None:
    code = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
code = '''
try:
    import forwardpass
    print("imported")
except ImportError as error:
    print("refused:", error)
'''
made = interpreters.create()
(interpreters.exec if hasattr(interpreters, "exec") else interpreters.run_string)(made, code)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert "refused: " in done.stdout, done.stderr
    assert done.returncode == 0
