"""Networks timed against every peer that is installed, each in a process of its own: what is timed, by whom, and how.

`workload.py` makes the arrays and `steps.py` says what is computed with them, `contestants/` are the libraries,
`worker.py` is the process of one of them, and `engine.py` lets them run in turns. `report.py` and `tables.py` say what
came out, `plot.py` and `roofline.py` draw it, `jitter.py` has the paced loop. `python -m forwardpass bench` and
benchmarks/table.py call it.
"""
