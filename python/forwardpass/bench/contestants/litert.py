"""LiteRT, which was TensorFlow Lite: XNNPACK runs the whole network."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..steps import Array, Step, every
from ..workload import UnsupportedError, Workload
from . import Call, float32_only

# The operation, its class of options, and their fields from the step's arguments.
OPERATORS: dict[str, tuple[str, str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "Subtract": ("SUB", "SubOptionsT", lambda a: {}),
    "Multiply": ("MUL", "MulOptionsT", lambda a: {}),
    "Add": ("ADD", "AddOptionsT", lambda a: {}),
    "ELU": ("ELU", "", lambda a: {}),
    "GELU": ("GELU", "GeluOptionsT", lambda a: {"approximate": a["approximate"] == "tanh"}),
    "Hardswish": ("HARD_SWISH", "", lambda a: {}),
    "LeakyReLU": ("LEAKY_RELU", "LeakyReluOptionsT", lambda a: {"alpha": a["negative_slope"]}),
    "LogSoftmax": ("LOG_SOFTMAX", "", lambda a: {}),
    "ReLU": ("RELU", "", lambda a: {}),
    "Sigmoid": ("LOGISTIC", "", lambda a: {}),
    "Softmax": ("SOFTMAX", "SoftmaxOptionsT", lambda a: {"beta": 1.0}),
    "Tanh": ("TANH", "", lambda a: {}),
}


class _Flatbuffer:
    """The network as a .tflite file, operation by operation. Tensors are known by their numbers."""

    def __init__(self, workload: Workload) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema, self.workload = schema, workload
        self.buffers = [schema.BufferT()]  # number 0 is empty by definition: the tensors that are computed use it
        self.tensors: list[Any] = []
        self.codes: list[int] = []
        self.operators: list[Any] = []

    def tensor(self, shape: tuple[int, ...], values: Array | None = None) -> int:
        """The number of a new one."""
        schema = self.schema
        if values is not None:
            self.buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        buffer, name = 0 if values is None else len(self.buffers) - 1, f"t{len(self.tensors)}"
        self.tensors.append(schema.TensorT(shape=list(shape), type=schema.TensorType.FLOAT32, buffer=buffer, name=name))
        return len(self.tensors) - 1

    def run(self, code: int, inputs: list[int], width: int, options: Any = None) -> int:
        """The number of an operation's result, of that width."""
        if code not in self.codes:
            self.codes.append(code)
        result = self.tensor((self.workload.rows, width))
        kind = 0 if options is None else getattr(self.schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.operators.append(
            self.schema.OperatorT(
                opcodeIndex=self.codes.index(code),
                inputs=inputs,
                outputs=[result],
                builtinOptionsType=kind,
                builtinOptions=options,
            )
        )
        return result

    def chain(self, steps: list[Step], x: int, width: int) -> tuple[int, int]:
        """The number of its result, and how wide that is. A FULLY_CONNECTED has the ReLU behind it fused."""
        schema, builtin = self.schema, self.schema.BuiltinOperator
        for i, step in enumerate(steps):
            fused = step.kind == "ReLU" and i > 0 and steps[i - 1].kind == "Linear"
            if step.kind == "Linear":
                relu = i + 1 < len(steps) and steps[i + 1].kind == "ReLU"
                arrays = [self.tensor(array.shape, array) for array in step.arrays.values()]
                width = len(step.arrays["bias"])
                options = schema.FullyConnectedOptionsT(fusedActivationFunction=int(relu))
                x = self.run(builtin.FULLY_CONNECTED, [x, *arrays], width, options)
            elif step.kind == "Residual":
                x = self.run(builtin.ADD, [x, self.chain(step.inner, x, width)[0]], width, schema.AddOptionsT())
            elif not fused:
                x = self.function(step, x, width)
        return x, width

    def function(self, step: Step, x: int, width: int) -> int:
        """The number of its result."""
        schema, builtin = self.schema, self.schema.BuiltinOperator
        if step.kind == "SiLU":
            return self.run(builtin.MUL, [x, self.run(builtin.LOGISTIC, [x], width)], width, schema.MulOptionsT())
        if step.kind not in OPERATORS or step.arguments.get("alpha", 1.0) != 1.0:
            raise UnsupportedError(f"has no operation for {step.kind}")
        operator, kind, fields = OPERATORS[step.kind]
        arrays = [self.tensor(array.shape, array) for array in step.arrays.values()]
        options = getattr(schema, kind)(**fields(step.arguments)) if kind else None
        return self.run(getattr(builtin, operator), [x, *arrays], width, options)

    def content(self) -> bytes:
        """The file."""
        import flatbuffers

        schema, workload = self.schema, self.workload
        inputs = workload.ends[0]
        x = self.tensor((workload.rows, inputs))
        y, _ = self.chain(workload.steps, x, inputs)
        graph = schema.SubGraphT(tensors=self.tensors, inputs=[x], outputs=[y], operators=self.operators)
        codes = [schema.OperatorCodeT(deprecatedBuiltinCode=min(code, 127), builtinCode=code) for code in self.codes]
        model = schema.ModelT(version=3, operatorCodes=codes, subgraphs=[graph], buffers=self.buffers)
        # A builder that grows copies what it has, so it begins with room for all weights.
        weights = sum(array.nbytes for step in every(workload.steps) for array in step.arrays.values())
        builder = flatbuffers.Builder(weights + (1 << 16))
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def litert(workload: Workload, threads: int) -> Call:
    """Views of the input and output tensors, held for good."""
    float32_only(workload)
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(model_content=_Flatbuffer(workload).content(), num_threads=threads)
    network.allocate_tensors()
    given = network.tensor(network.get_input_details()[0]["index"])()
    result = network.tensor(network.get_output_details()[0]["index"])()
    # Interpreter.invoke() refuses to run while such views exist. They stay valid until tensors are allocated anew.
    invoke, x = network._interpreter.Invoke, workload.x

    def run() -> Array:
        given[...] = x
        invoke()
        y: Array = result
        return y

    # The views keep no memory alive, so the network is a name too.
    return Call("run()", {"run": run, "network": network})
