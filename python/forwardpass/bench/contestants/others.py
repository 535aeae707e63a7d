"""Libraries that run such networks as they are: scikit-learn, ncnn, mlpfile."""

import struct
import tempfile
from pathlib import Path

import numpy as np

from ..steps import Array
from ..workload import Workload
from . import Call, UnsupportedError, float32_only


def scikit_learn(workload: Workload, threads: int) -> Call:
    """MLPRegressor.predict, given its weights."""
    names = {"ReLU": "relu", "Tanh": "tanh", "Sigmoid": "logistic", "Identity": "identity"}
    layers, activation = workload.plain(tuple(names))
    if len(layers) < 2:
        raise UnsupportedError("needs a hidden layer")
    from sklearn.neural_network import MLPRegressor

    widths = [workload.ends[0], *(len(b) for _, b in layers)]
    hidden = tuple(widths[1:-1])
    model = MLPRegressor(hidden_layer_sizes=hidden, activation=names[activation], max_iter=1)
    model.coefs_ = [np.ascontiguousarray(w.T) for w, _ in layers]
    model.intercepts_ = [b for _, b in layers]
    model.n_layers_, model.n_outputs_, model.out_activation_ = len(widths), widths[-1], "identity"
    model.n_features_in_ = widths[0]
    return Call("model.predict(x)", {"model": model, "x": np.atleast_2d(workload.x)})


def ncnn(workload: Workload, threads: int) -> Call:
    """InnerProduct layers in float32, rows as the height of a matrix."""
    float32_only(workload)
    import ncnn as library

    lines = ["Input x 0 1 h0"]
    data = b""
    last = len(workload.layers) - 1
    for i, (w, b) in enumerate(workload.layers):
        relu = int(i < last)
        lines.append(f"InnerProduct l{i} 1 1 h{i} h{i + 1} 0={len(b)} 1=1 2={w.size} 9={relu}")
        data += struct.pack("<I", 0) + w.tobytes() + b.tobytes()
    param = f"7767517\n{len(lines)} {len(lines)}\n" + "\n".join(lines) + "\n"
    net = library.Net()
    options = net.opt
    options.num_threads = threads
    for name in dir(options):
        if name.startswith(("use_fp16", "use_bf16", "use_int8")):
            setattr(options, name, False)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "net.param").write_text(param)
        (Path(folder) / "net.bin").write_bytes(data)
        if net.load_param(f"{folder}/net.param") or net.load_model(f"{folder}/net.bin"):
            raise UnsupportedError("the library refused the network")
    x = workload.x

    def run() -> Array:
        extractor = net.create_extractor()
        extractor.input("h0", library.Mat(x))
        return np.array(extractor.extract(f"h{last + 1}")[1])

    return Call("run()", {"run": run})


def mlpfile(workload: Workload, threads: int) -> Call:
    """pybind11 and Eigen, one row at a time, one thread."""
    float32_only(workload)
    import mlpfile as library

    # The layers' types (and sizes), then their numbers.
    linear, relu = 2, 3
    types: list[tuple[int, ...]] = [(workload.ends[0],)]
    numbers = b""
    for i, (w, b) in enumerate(workload.layers):
        types += [(relu,), (linear, len(b))] if i else [(linear, len(b))]
        numbers += w.tobytes() + b.tobytes()
    count = 2 * len(workload.layers) - 1
    head = struct.pack("<I", count) + b"".join(struct.pack(f"<{len(t)}I", *t) for t in types)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.mlp"
        path.write_bytes(head + numbers)
        model = library.Model.load(str(path))
    if workload.rows == 1:
        return Call("model.forward(x)", {"model": model, "x": workload.x})
    rows = list(workload.x)

    def run() -> Array:
        return np.stack([model.forward(row) for row in rows])

    return Call("run()", {"run": run})
