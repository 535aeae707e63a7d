"""Labels for the outputs of a network that came without them."""

from __future__ import annotations

from typing import TypeVar

from numpy.typing import ArrayLike

from .. import nn

N = TypeVar("N", bound=nn.Module)


def labelled(net: N, classes: ArrayLike | None) -> N | nn.Classifier:
    """A Classifier of the same layers and verification; or the network itself, where classes is None.

    Raises
    ------
    ValueError, TypeError
        Labels that a Classifier does not take.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> from forwardpass.convert.labelled import labelled
    >>> net = fp.from_torch({"0.weight": np.eye(2)}, "2-2", verbose=False)
    >>> str(labelled(net, ["no", "yes"]).predict([0.0, 1.0]))
    'yes'
    """
    if classes is None:
        return net
    made = nn.Classifier(*(net if isinstance(net, nn.Sequential) else [net]), classes=classes)
    made.verification = net.verification
    return made
