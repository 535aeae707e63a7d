"""Faults in layers that PyTorch has beside the usual ones, and in what classes of layers state."""

from tests.mutants.faults.mutant import Mutant

EVERY_LAYER = ("tests/layers/test_every_layer.py",)
ACTIVATIONS = ("ulp", "tests/layers/test_activations.py")

FAULTS = (
    Mutant(
        "softsign without what its sum loses",
        "cpp/kernels/functions/quotients.hpp",
        "return V::with_sign(y.high + y.low, x);",
        "return V::with_sign(y.high, x);",
        "the quotient falls where the sum is rounded up",
        ACTIVATIONS,
    ),
    Mutant(
        "mish without the low part of e^x",
        "cpp/kernels/functions/quotients.hpp",
        "const auto rest = V::fma(left, V::broadcast(1) / divisor.high, share.low);",
        "const auto rest = share.low;",
        "more than two units wrong",
        ACTIVATIONS,
    ),
    Mutant(
        "celu of an alpha without its low part",
        "cpp/kernels/functions/quotients.hpp",
        "below = V::fma(alpha, y, V::fma(more, y, more));",
        "below = alpha * y;",
        "x / alpha is rounded before e^x is",
        ACTIVATIONS,
    ),
    Mutant(
        "one slope is the first of many",
        "cpp/kernels/functions/row_functions.hpp",
        "if (task.one_feature) each",
        "if (true) each",
        "all features have the first one's slope",
        EVERY_LAYER,
    ),
    Mutant(
        "RMSNorm subtracts the mean",
        "cpp/kernels/functions/row_functions.hpp",
        "layer_norm<W, Centred::no>(task, row)",
        "layer_norm<W, Centred::yes>(task, row)",
        "it is a LayerNorm",
        EVERY_LAYER,
    ),
    Mutant(
        "a copy without its arguments",
        "python/forwardpass/nn/module.py",
        "**{name: getattr(self, name) for name in self.arguments}}",
        "}",
        "a copy has the arguments that the class has by default",
        EVERY_LAYER,
    ),
    Mutant(
        "an argument that is assigned",
        "python/forwardpass/nn/declared.py",
        '        raise AttributeError(f"{type(layer).__name__}.{self.name} does not change: make a new layer")',
        "        vars(layer)[self.name] = value",
        "it stands in repr() and in files, and changes no answer",
        EVERY_LAYER,
    ),
)
