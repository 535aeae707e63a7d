"""The one exception of networks that cannot be converted."""


class ConversionError(ValueError):
    """A network with a part that is not supported, or whose converted answers are not the source's.

    The message names the part and where it stands.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> try:
    ...     fp.from_torch({"0.weight": np.eye(3)}, "4-3:relu")
    ... except fp.ConversionError as error:
    ...     print(error)
    0.weight: expected shape (3, 4), got (3, 3)
    """
