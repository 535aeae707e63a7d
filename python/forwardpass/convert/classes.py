"""Which class of another library an object has, without importing it."""

from __future__ import annotations

from typing import Any


def class_name(value: Any, package: str) -> str:
    """The bare name of a class that the package itself defines; of any other, the name with its module.

    A subclass of a user's own may compute anything, and with its module before it it is in nobody's table.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from forwardpass.convert.classes import class_name
    >>> class_name(Decimal(1), "decimal"), class_name([], "decimal")
    ('Decimal', 'builtins.list')
    """
    kind = type(value)
    own = f"{kind.__module__}.".startswith(f"{package}.")
    return kind.__name__ if own else f"{kind.__module__}.{kind.__qualname__}"


def full_name(value: Any) -> str:
    """What messages call a class: its name with its module, as more than one library has a Linear.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from forwardpass.convert.classes import full_name
    >>> full_name(Decimal(1))
    'decimal.Decimal'
    """
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
