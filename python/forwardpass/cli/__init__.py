"""The command line, `python -m forwardpass COMMAND`; one module for each command."""
