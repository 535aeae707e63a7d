#include "bindings/functional.hpp"

#include <algorithm>
#include <string>

#include "bindings/arguments.hpp"
#include "bindings/checks.hpp"
#include "bindings/destination.hpp"
#include "bindings/dtypes.hpp"
#include "bindings/gil.hpp"
#include "bindings/layers.hpp"
#include "bindings/rows.hpp"
#include "bindings/threads.hpp"
#include "machine/dispatch.hpp"
#include "machine/float_environment.hpp"
#include "network/unpacked.hpp"

namespace forwardpass {
namespace {

// Calls `compute` with a value of the C++ type for NumPy's `type`.
template <class Compute>
py::object with_type(int type, Compute compute) {
    return type == NPY_FLOAT ? compute(float{}) : compute(double{});
}

template <class T>
py::object linear_as(const py::object& x, const py::object& weight, const py::object& bias,
                     const Activation& activation, const py::object& out) {
    const Rows from = as_rows(to_type(x, numpy_type<T>, "x"));
    const py::object w = to_type(weight, numpy_type<T>, "W");
    const py::object b = bias ? adjacent(to_type(bias, numpy_type<T>, "b")) : py::object();

    npy_intp shape[NPY_MAXDIMS];
    const int ndim = PyArray_NDIM(as_array(x));
    std::copy_n(PyArray_DIMS(as_array(x)), ndim, shape);
    shape[ndim - 1] = PyArray_DIM(as_array(w), 0);
    Destination destination(out.ptr(), ndim, shape, numpy_type<T>);
    if (destination.empty()) return destination.finish();
    if (!out.is_none()) {
        destination.keep_apart_from(from.array);
        destination.keep_apart_from(w);
        if (b) destination.keep_apart_from(b);
    }
    const Rows to = destination.rows();
    const UnpackedLinear<T> task{weight_source<T>(w, b),
                                 from.width,
                                 to.width,
                                 activation,
                                 static_cast<const T*>(from.data),
                                 from.row_stride,
                                 static_cast<T*>(to.data),
                                 to.row_stride,
                                 from.rows,
                                 threads_of_call(0, shared_work(from.width * to.width, from.rows))};
    run_released(from.rows * from.width * to.width,
                 [&] { return run_unpacked(kernels_of<T>(chosen_table()), task, signal_raised); });
    return destination.finish();
}

template <class T>
py::object add_bias_as(const py::object& y, const py::object& bias, const py::object& out) {
    const py::object b = adjacent(to_type(bias, numpy_type<T>, "b"));
    const Rows from = as_rows(to_type(y, numpy_type<T>, "y"));
    Destination destination(out.ptr(), PyArray_NDIM(as_array(y)), PyArray_DIMS(as_array(y)), numpy_type<T>);
    if (destination.empty()) return destination.finish();
    if (!out.is_none()) {
        destination.keep_apart_from(from.array, true);
        destination.keep_apart_from(b);
    }
    const Rows to = destination.rows();
    const auto* const values = static_cast<const T*>(PyArray_DATA(as_array(b)));
    const Kernels<T>& kernels = kernels_of<T>(chosen_table());
    run_released(from.rows * from.width, [&] {
        const StandardFloatEnvironment environment;
        for (Index r = 0; r < from.rows; ++r)
            kernels.add(static_cast<const T*>(from.data) + r * from.row_stride, values,
                        static_cast<T*>(to.data) + r * to.row_stride, from.width);
        return true;
    });
    return destination.finish();
}

}  // namespace

py::object linear(const py::object& x_value, const py::object& weight_value, const py::object& bias_value,
                  const py::object& activation, const py::object& out) {
    const Inside inside;
    if (!activation.is_none() && !PyUnicode_Check(activation.ptr()))
        throw py::type_error(std::string("activation: expected a name like 'relu' or None, got ") +
                             Py_TYPE(activation.ptr())->tp_name);
    const Activation fused = activation.is_none() ? Activation{} : activation_named(activation.cast<std::string>());
    py::object x = x_value, weight = weight_value, bias = bias_value.is_none() ? py::object() : bias_value;
    to_ndarrays({{x, "x"}, {weight, "W"}, {bias, "b"}}, out);
    check_has_axis(as_array(x), "x");
    check_matrix(as_array(weight), "W", "(out_features, in_features)");
    const Index outputs = PyArray_DIM(as_array(weight), 0);
    check_depth(as_array(x), PyArray_DIM(as_array(weight), 1), outputs, "W", true);
    if (bias) check_bias(as_array(bias), "b", outputs);
    const int type = common_type({{x, "x"}, {weight, "W"}, {bias, "b"}});
    return with_type(type, [&](auto zero) { return linear_as<decltype(zero)>(x, weight, bias, fused, out); });
}

py::object matvec(const py::object& weight, const py::object& x, const py::object& out) {
    return linear(x, weight, py::none(), py::none(), out);
}

py::object add_bias(const py::object& y_value, const py::object& bias_value, const py::object& out) {
    const Inside inside;
    py::object y = y_value, bias = bias_value;
    to_ndarrays({{y, "y"}, {bias, "b"}}, out);
    check_has_axis(as_array(y), "y");
    check_bias(as_array(bias), "b", PyArray_DIM(as_array(y), PyArray_NDIM(as_array(y)) - 1));
    const int type = common_type({{y, "y"}, {bias, "b"}});
    return with_type(type, [&](auto zero) { return add_bias_as<decltype(zero)>(y, bias, out); });
}

}  // namespace forwardpass
