"""Networks timed against every peer that is installed, each in a process of its own: what is timed, by whom, and how.

`workload.py` makes the arrays, `contestants/` are the libraries, `worker.py` is the process of one of them, `engine.py`
lets them run in turns, `report.py` prints. `python -m forwardpass bench` and benchmarks/table.py call it.
"""
