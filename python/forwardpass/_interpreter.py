"""Refuses subinterpreters, in which NumPy and the core would share what each interpreter must have for itself."""

try:
    import _interpreters as interpreters  # type: ignore[import-not-found]  # from Python 3.13 on
except ImportError:
    import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]

if interpreters.get_current() != interpreters.get_main():
    raise ImportError("forwardpass does not work in a subinterpreter; use threads or processes")
