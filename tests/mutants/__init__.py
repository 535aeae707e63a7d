"""Faults planted in copies of the C++ code, each of which a test must find."""
