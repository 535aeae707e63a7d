"""`python -m forwardpass demo`: a trained digit classifier on digits it has never seen."""

import argparse
import os
import subprocess
import sys
import time
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..bench.timing import time_interleaved
from ..error_bound import error_bound
from ..nn import Linear, ReLU, Sequential

SHADES = " .:-=+*#%@"
SHOWN = 6
# Another version of a library trains another network.
LEAST_ACCURACY, LEAST_ACCURACY_TRAINED = 0.96, 0.95
# With --train: the libraries, and what they are told.
PACKAGES = {"sklearn": "scikit-learn", "torch": "torch"}
HIDDEN = (128, 64)
SEED, BATCH, LEARNING_RATE, EPOCHS = 0, 50, 3e-3, 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--train",
        choices=("sklearn", "torch"),
        help="train the network now with scikit-learn or torch, and convert it",
    )


def load_digits() -> tuple[Sequential, NDArray[np.uint8], NDArray[np.uint8]]:
    """The network, the held-out images (360, 64) with pixels from 0 to 16, and their labels (360,).

    examples/train_digits.py made the file and states where the images come from.
    """
    with resources.files("forwardpass").joinpath("data/digits.npz").open("rb") as file:
        data = dict(np.load(file, allow_pickle=False))
    images, labels = data.pop("images"), data.pop("labels")
    linears = [Linear(data[f"{i}.weight"], data[f"{i}.bias"]) for i in (0, 2, 4)]
    return Sequential(linears[0], ReLU(), linears[1], ReLU(), linears[2]), images, labels


def by_hand(net: Sequential, x: NDArray[Any], dtype: type[np.floating[Any]]) -> NDArray[Any]:
    """The same network as one writes it in NumPy."""
    state = {name: value.astype(dtype) for name, value in net.state_dict().items()}
    return _by_hand(state, x.astype(dtype))


def _by_hand(state: dict[str, NDArray[Any]], x: NDArray[Any]) -> NDArray[Any]:
    h: NDArray[Any] = np.maximum(x @ state["0.weight"].T + state["0.bias"], 0)
    h = np.maximum(h @ state["2.weight"].T + state["2.bias"], 0)
    h = h @ state["4.weight"].T + state["4.bias"]
    return h


def draw(images: NDArray[np.uint8]) -> str:
    """Some images side by side, two characters for each pixel."""
    pixels = images.reshape(-1, 8, 8) * (len(SHADES) - 1) // 16
    lines = ("   ".join("".join(SHADES[p] * 2 for p in row) for row in rows) for rows in pixels.transpose(1, 0, 2))
    return "\n".join(lines)


def run(args: argparse.Namespace) -> int:
    """Print the demo; 0 if the accuracy, the bound, and the labels of the library that trained hold."""
    net, images, labels = load_digits()
    x = images.astype(np.float32) / 16
    if args.train:
        net, trained_labels = train(args.train, x)
    predicted = net(x).argmax(axis=1)
    print(f"A digit classifier, forwardpass {_core.__version__} ({_core.current_isa()}, one thread):\n{net}\n")
    print(draw(images[:SHOWN]))
    captions = (f"says {p}, is {label}" for p, label in zip(predicted[:SHOWN], labels[:SHOWN], strict=True))
    print("   ".join(f"{caption:16}" for caption in captions))

    accuracy = float((predicted == labels).mean())
    logits = net[:5]  # without the softmax that scikit-learn ends with
    bound = error_bound(logits, x)
    error = np.abs(logits(x) - by_hand(logits, x, np.float64))
    inside = bool((error <= bound).all())
    worst = error.argmax()
    print(f"\naccuracy on {len(labels)} held-out digits: {accuracy:.1%} ({int((predicted == labels).sum())} right)")
    print(
        f"largest difference from NumPy in float64: {error.flat[worst]:.1e} (promised: at most {bound.flat[worst]:.1e})"
    )
    print(f"all {error.size} outputs inside the promised bound: {'yes' if inside else 'NO'}")

    if args.train:
        same = int((predicted == trained_labels).sum())
        print(f"labels that equal {PACKAGES[args.train]}'s own: {same} of {len(labels)}")
        return 0 if accuracy >= LEAST_ACCURACY_TRAINED and inside and same == len(labels) else 1

    # In a process of its own, as NumPy's BLAS reads how many threads it may use when it is loaded.
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    command = [sys.executable, "-c", f"from {__name__} import print_times; print_times()"]
    sys.stdout.flush()
    # In a session of its own, so that Ctrl-C reaches us alone: we end the process, and it has nothing to say.
    done = subprocess.run(command, env=os.environ | one_thread, check=False, start_new_session=True)
    timed = done.returncode == 0
    return 0 if accuracy >= LEAST_ACCURACY and inside and timed else 1


def print_times() -> None:
    """Print the times of one row and of the batch beside NumPy's."""
    net, images, _ = load_digits()
    x = images.astype(np.float32) / 16
    state = net.state_dict()
    timings = time_interleaved(
        {
            "one": lambda: net(x[0]),
            "one numpy": lambda: _by_hand(state, x[0]),
            "all": lambda: net(x),
            "all numpy": lambda: _by_hand(state, x),
        },
        seconds=0.8,
    )
    print("\n                  forwardpass    NumPy by hand    (median, one thread each)")
    for title, name in (("one digit", "one"), (f"all {len(x)}", "all")):
        ours, numpy = timings[name].median, timings[name + " numpy"].median
        print(f"  {title:12} {ours * 1e6:11.2f} us {numpy * 1e6:13.2f} us    {numpy / ours:.1f}x")


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
