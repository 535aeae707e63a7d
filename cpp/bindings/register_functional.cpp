// Signatures and docstrings of functional.hpp.
#include <string>

#include "bindings/arguments.hpp"
#include "bindings/fast_function.hpp"
#include "bindings/functional.hpp"
#include "bindings/register.hpp"

namespace forwardpass {

void register_functional(py::module_& module) {
    FastFunction<&dot>::define(module, "dot", {"a", "b", "out"}, 2, 2, R"(Dot product of two vectors.

Parameters
----------
a, b : array_like, shape (K,)
    float32 stays float32, float16 is computed in float32, integers and lists in float64.
out : numpy.ndarray, shape (), optional
    Where to put the result; returned.

Returns
-------
numpy.float32 or numpy.float64

Raises
------
ValueError
    The shapes are not two equal (K,).
TypeError
    A dtype that is not real and of at most 64 bits.

Notes
-----
Summed in the order of the numerics contract fma-v2, as every sum here.

Examples
--------
>>> import forwardpass as fp
>>> float(fp.dot([1, 2, 4, 3], [2, 2, 2, 2]))
20.0
)");
    FastFunction<&matvec>::define(module, "matvec", {"W", "x", "out"}, 2, 2, R"(Matrix times vector, y = W x.

Parameters
----------
W : array_like, shape (out_features, in_features)
    Any layout; a contiguous one is read in place for up to three vectors, else packed panel by panel.
x : array_like, shape (..., in_features)
    One vector, or any leading axes of them.
out : numpy.ndarray, shape (..., out_features), optional
    Where to put the result; returned.

Returns
-------
numpy.ndarray, shape (..., out_features)
    float32 or float64, as NumPy promotes W and x.

Raises
------
ValueError
    A shape that does not fit; the message names the transposed weight where that would.
TypeError
    A dtype that is not real and of at most 64 bits.

Examples
--------
>>> import forwardpass as fp
>>> fp.matvec([[1, 2], [3, 4], [5, 6]], [1, 1])
array([ 3.,  7., 11.])
)");
    FastFunction<&matmul>::define(module, "matmul", {"A", "B", "out"}, 2, 2,
                                  R"(Matrix product by NumPy's rules for shapes, summed in the order of fma-v2.

Parameters
----------
A : array_like, shape (..., rows, inner) or (inner,)
B : array_like, shape (..., inner, columns) or (inner,)
    A vector counts as one row of A or one column of B; leading axes are broadcast.
out : numpy.ndarray, optional
    Where to put the result, of its shape and dtype; returned.

Returns
-------
numpy.ndarray
    float32 or float64, as NumPy promotes A and B; a scalar for two vectors.

Raises
------
ValueError
    Shapes that do not fit.
TypeError
    A dtype that is not real and of at most 64 bits.

Examples
--------
>>> import forwardpass as fp
>>> fp.matmul([[1, 2], [3, 4]], [[1, 0], [0, 2]])
array([[1., 4.],
       [3., 8.]])
)");
    module.def(
        "to_ndarray", [](const py::object& value, const std::string& name) { return to_ndarray(value, name.c_str()); },
        py::arg("value"), py::arg("name"),
        "Any array-like as an ndarray of its own dtype; TypeError as calls raise it.");
    FastFunction<&linear>::define(module, "linear", {"x", "W", "b", "activation", "out"}, 2, 4,
                                  R"(One layer on plain arrays, y = activation(W x + b), fused.

The bits are those of ``Linear(W, b)`` where x, W and b have one dtype. For many calls with one weight, build a ``Linear``: it packs
the weight once.

Parameters
----------
x : array_like, shape (..., in_features)
W : array_like, shape (out_features, in_features)
b : array_like, shape (out_features,), optional
activation : str, optional
    'relu', 'tanh', 'gelu', 'gelu_tanh' or another name of docs/files.md, with the default parameters of its layer.
out : numpy.ndarray, shape (..., out_features), optional
    Where to put the result; returned.

Returns
-------
numpy.ndarray, shape (..., out_features)
    float32 or float64, as NumPy promotes x, W and b.

Raises
------
ValueError
    A shape that does not fit, or an unknown activation.
TypeError
    A dtype that is not real and of at most 64 bits.

Examples
--------
>>> import forwardpass as fp
>>> fp.linear([1, -1], [[1, 2], [3, 4], [5, 6]], [0, 0, 2], activation="relu")
array([0., 0., 1.])
)");
    FastFunction<&add_bias>::define(module, "add_bias", {"y", "b", "out"}, 2, 2,
                                    R"(Adds one value to each output, y + b.

Parameters
----------
y : array_like, shape (..., out_features)
b : array_like, shape (out_features,)
    Exactly this shape; nothing else is broadcast.
out : numpy.ndarray, shape (..., out_features), optional
    Where to put the result; may be y; returned.

Returns
-------
numpy.ndarray, shape (..., out_features)

Raises
------
ValueError
    A shape that does not fit.
TypeError
    A dtype that is not real and of at most 64 bits.

Examples
--------
>>> import forwardpass as fp
>>> fp.add_bias([[1, 2], [3, 4]], [10, 20])
array([[11., 22.],
       [13., 24.]])
)");
}

}  // namespace forwardpass
