"""The demo's network, trained now by a library of the user's own, and converted."""

from __future__ import annotations

import time
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..nn import Sequential

PACKAGES = {"sklearn": "scikit-learn", "torch": "torch"}
HIDDEN = (128, 64)
SEED, BATCH, LEARNING_RATE, EPOCHS = 0, 50, 3e-3, 40


def load_training_digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The images that the network learns from (1437, 64), pixels from 0 to 1, and their labels (1437,).

    examples/train_digits.py made the file and states where the images come from.
    """
    with resources.files("forwardpass").joinpath("data/digits_train.npz").open("rb") as file:
        data = dict(np.load(file, allow_pickle=False))
    return data["images"].astype(np.float32) / 16, data["labels"].astype(np.int64)


def train(library: str, x: NDArray[Any]) -> tuple[Sequential, NDArray[Any]]:
    """A network that the library trained, converted; and the library's own labels (rows,) for x (rows, 64).

    Raises
    ------
    ImportError
        The library is not installed.
    """
    trainers = {"sklearn": _train_sklearn, "torch": _train_torch}
    started = time.perf_counter()
    try:
        source, convert, labels = trainers[library](x)
    except ImportError as error:
        package = PACKAGES[library]
        raise ImportError(f"--train {library} needs {package}: pip install {package} ({error})") from error
    print(f"trained by {PACKAGES[library]} in {time.perf_counter() - started:.1f} s")
    net: Sequential = convert(source)
    return net, labels


def _train_sklearn(x: NDArray[Any]) -> tuple[Any, Any, NDArray[Any]]:
    from sklearn.neural_network import MLPClassifier

    from ..convert.sklearn import from_sklearn

    options = {"batch_size": BATCH, "learning_rate_init": LEARNING_RATE, "random_state": SEED}
    classifier = MLPClassifier(HIDDEN, alpha=1e-3, max_iter=400, tol=1e-3, **options)
    classifier.fit(*load_training_digits())
    return classifier, from_sklearn, classifier.predict(x)


def _train_torch(x: NDArray[Any]) -> tuple[Any, Any, NDArray[Any]]:
    import torch
    from torch import nn

    from ..convert.torch import from_torch

    torch.set_num_threads(1)  # of matrices this small, threads only wait for each other
    torch.manual_seed(SEED)
    first, second = HIDDEN
    model = nn.Sequential(
        nn.Linear(x.shape[1], first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 10)
    )
    images, labels = (torch.from_numpy(values) for values in load_training_digits())
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, weight_decay=1e-4)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        return model, from_torch, model(torch.from_numpy(x)).argmax(dim=1).numpy()
