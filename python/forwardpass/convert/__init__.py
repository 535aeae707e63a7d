"""Networks from other libraries: one module for each origin, imported once it is asked for.

None of them imports the library that the network comes from: its objects are taken by what they are like. Each
refuses what it does not know by name and position, and compares the source's own answers with ours
(verification.py).
"""
