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
class Lazy:
    def __array__(self, dtype=None, copy=None):
        time.sleep(0.001)
        return np.ones((4, {width}), np.float32)
lazy, wide = Lazy(), np.ones(({rows}, {width}))
x = np.ones(({rows}, {width}), np.float32)
def work():
    while True: {call}
for _ in range(3): threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
print("end")
"""


@pytest.mark.parametrize("call", ["net(x)", "net(wide)", "net(lazy)", "fp.linear(wide, W)", "net(x[:1])"])
@pytest.mark.parametrize(("width", "rows"), [(400, 64), (1024, 20_000)])
def test_daemon_threads_in_calls(call: str, width: int, rows: int) -> None:
    code = DAEMON.format(call=call, width=width, rows=rows)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_calls_after_the_end_and_in_a_forked_child() -> None:
    """Exit handlers may call, and threads that they wait for; a forked child waits for no calls of its parent."""
    code = """
import atexit, os, threading, time
def last():  # registered first, it runs when ours has
    def work(): print((net(x) == right).all(), flush=True)
    work()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
atexit.register(last)
import numpy as np, forwardpass as fp
net, x = fp.Linear.random(1024, 1024, rng=0), np.ones((2000, 1024), np.float32)
right = net(x)
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
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["True"] * 4, "")


def test_exit_from_a_handler_inside_of_a_call() -> None:
    """It waits for other threads' calls, not for its own."""
    code = """
import atexit, os, signal
import numpy as np, forwardpass as fp
net, x = fp.Linear.random(1024, 1024, rng=0), np.ones((20000, 1024), np.float32)
def leave(*_):
    atexit._run_exitfuncs()
    os._exit(7)
signal.signal(signal.SIGALRM, leave)
signal.setitimer(signal.ITIMER_REAL, 0.2)
while True: net(x)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 7, done.stderr


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
