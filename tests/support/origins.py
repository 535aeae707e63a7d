"""Where networks come from: what the tests of each need, and which are not installed."""

from importlib.util import find_spec

# pip install '.[test,origins]', 1 GB.
ORIGINS = {
    "keras": ("h5py", "keras", "torch"),
    "onnx": ("keras", "onnx", "onnxscript", "skl2onnx", "torch"),
    "sb3": ("gymnasium", "sb3_contrib", "stable_baselines3"),
    "sklearn": ("pandas", "pyarrow", "sklearn"),
    "torch": ("torch",),
}
ABSENT = [origin for origin, needs in ORIGINS.items() if not all(map(find_spec, needs))]
