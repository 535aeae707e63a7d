// Products of vectors, matrices and stacks of matrices by NumPy's rules, which broadcast the leading axes of stacks.
#include <algorithm>
#include <string>

#include "bindings/arguments.hpp"
#include "bindings/destination.hpp"
#include "bindings/dtypes.hpp"
#include "bindings/functional.hpp"
#include "bindings/gil.hpp"
#include "bindings/rows.hpp"
#include "bindings/threads.hpp"
#include "machine/dispatch.hpp"
#include "network/unpacked.hpp"
#include "threads/interrupt.hpp"

namespace forwardpass {
namespace {

// One array of a product. A vector counts as a matrix of one row, or of one column.
struct Operand {
    PyArrayObject* array;

    int ndim() const noexcept { return PyArray_NDIM(array); }
    bool is_vector() const noexcept { return ndim() == 1; }
    // The axis that is `from_last` axes before the last one.
    Index dim(int from_last) const noexcept { return PyArray_DIM(array, ndim() - 1 - from_last); }
    Index stride(int from_last) const noexcept {
        return PyArray_STRIDE(array, ndim() - 1 - from_last) / PyArray_ITEMSIZE(array);
    }
};

// The leading axes of two stacks, broadcast: their shape, and strides in elements.
struct Stack {
    int axes = 0;
    npy_intp shape[NPY_MAXDIMS];
    Index a[NPY_MAXDIMS], b[NPY_MAXDIMS], y[NPY_MAXDIMS];

    // Throws ValueError where the leading axes do not fit each other.
    Stack(const Operand& left, const Operand& right) : axes(std::max({left.ndim(), right.ndim(), 2}) - 2) {
        std::fill_n(shape, axes, npy_intp{1});
        if (!(broadcast(left, a) && broadcast(right, b)))
            throw py::value_error("A, B: expected leading axes that broadcast, got shapes " + shape_text(left.array) +
                                  " and " + shape_text(right.array));
    }
    Index count() const noexcept {
        Index all = 1;
        for (int s = 0; s < axes; ++s) all *= shape[s];
        return all;
    }
    Index offset(Index matrix, const Index* strides) const noexcept {
        Index at = 0;
        for (int s = axes; s-- > 0; matrix /= shape[s]) at += matrix % shape[s] * strides[s];
        return at;
    }

private:
    bool broadcast(const Operand& operand, Index* strides) noexcept {
        for (int s = 0; s < axes; ++s) {
            const int from_last = axes + 1 - s;
            const bool there = from_last < operand.ndim() && operand.dim(from_last) != 1;
            strides[s] = there ? operand.stride(from_last) : 0;
            if (there && shape[s] != 1 && shape[s] != operand.dim(from_last)) return false;
            if (there) shape[s] = operand.dim(from_last);
        }
        return true;
    }
};

// The products of a (..., rows, inner) and b (..., inner, columns). The rows of many matrices and one matrix b are run
// as one product. For a vector b, a is the weight, because a weight may lie in any order.
template <class T>
py::object product_as(const Named& left, const Named& right, const py::object& out) {
    py::object x = to_type(left.array, numpy_type<T>, left.name), w = to_type(right.array, numpy_type<T>, right.name);
    Operand a{as_array(x)}, b{as_array(w)};
    npy_intp shape[NPY_MAXDIMS];
    int ndim = 0;
    if (b.ndim() == 2 && a.ndim() > 2) {
        ndim = a.ndim() - 1;
        std::copy_n(PyArray_DIMS(a.array), ndim, shape);
        npy_intp all_rows[] = {1, a.dim(0)};
        for (int axis = 0; axis < ndim; ++axis) all_rows[0] *= shape[axis];
        PyArray_Dims two_axes{all_rows, 2};
        x = steal(PyArray_Newshape(a.array, &two_axes, NPY_CORDER));
        a.array = as_array(x);
    }
    if (b.is_vector()) {
        w = adjacent(w);
        b.array = as_array(w);
    } else {
        x = adjacent(x);
        a.array = as_array(x);
    }
    Stack stack(a, b);
    const Index rows = a.is_vector() ? 1 : a.dim(1), row_stride = a.is_vector() ? 0 : a.stride(1), inner = a.dim(0);
    if (ndim == 0) {
        ndim = stack.axes;
        std::copy_n(stack.shape, ndim, shape);
        if (!a.is_vector()) shape[ndim++] = rows;
    }
    if (!b.is_vector()) shape[ndim++] = b.dim(0);

    Destination destination(out.ptr(), ndim, shape, numpy_type<T>);
    if (destination.empty()) return destination.finish();
    if (!out.is_none()) {
        destination.keep_apart_from(x);
        destination.keep_apart_from(w);
    }
    const Operand y{destination.array()};
    for (int s = 0; s < stack.axes; ++s) stack.y[s] = y.stride(ndim - 1 - s);
    const T* const of_a = static_cast<const T*>(PyArray_DATA(a.array));
    const T* const of_b = static_cast<const T*>(PyArray_DATA(b.array));
    UnpackedLinear<T> task{};
    task.depth = inner;
    task.y = static_cast<T*>(PyArray_DATA(y.array));
    if (b.is_vector()) {
        task.weights = {of_a, row_stride, a.stride(0), nullptr};
        task.outputs = rows;
        task.x = of_b;
        task.rows = 1;
    } else {
        task.weights = {of_b, b.stride(0), b.stride(1), nullptr};
        task.outputs = b.dim(0);
        task.x = of_a;
        task.x_row_stride = row_stride;
        task.y_row_stride = ndim > 1 ? y.stride(1) : 0;
        task.rows = rows;
    }
    const Index products = stack.count(), work = rows * inner * task.outputs;
    task.threads = threads_of_call(0, shared_work(inner * task.outputs, task.rows));
    run_released(products * work, [&] {
        InterruptPoll poll(signal_raised, work);
        for (Index i = 0; i < products; ++i) {
            UnpackedLinear<T> one = task;
            (b.is_vector() ? one.weights.w : one.x) += stack.offset(i, stack.a);
            (b.is_vector() ? one.x : one.weights.w) += stack.offset(i, stack.b);
            one.y += stack.offset(i, stack.y);
            if (!run_unpacked(kernels_of<T>(chosen_table()), one, signal_raised) || poll()) return false;
        }
        return true;
    });
    return destination.finish();
}

py::object product(const Named& a, const Named& b, const py::object& out) {
    return or_scalar(out.ptr(),
                     common_type({a, b}) == NPY_FLOAT ? product_as<float>(a, b, out) : product_as<double>(a, b, out));
}

}  // namespace

py::object matmul(const py::object& a_value, const py::object& b_value, const py::object& out) {
    const Inside inside;
    py::object left = a_value, right = b_value;
    to_ndarrays({{left, "A"}, {right, "B"}}, out);
    const Operand a{as_array(left)}, b{as_array(right)};
    const auto shapes = [&] { return shape_text(a.array) + " and " + shape_text(b.array); };
    if (a.ndim() == 0 || b.ndim() == 0)
        throw py::value_error("A, B: expected at least one axis each, got shapes " + shapes());
    if (a.dim(0) != b.dim(b.is_vector() ? 0 : 1))
        throw py::value_error(std::string("A, B: expected the last axis of A and the ") +
                              (b.is_vector()   ? "only"
                               : b.ndim() == 2 ? "first"
                                               : "last but one") +
                              " of B to be equal, got shapes " + shapes());
    return product({left, "A"}, {right, "B"}, out);
}

py::object dot(const py::object& a_value, const py::object& b_value, const py::object& out) {
    const Inside inside;
    py::object left = a_value, right = b_value;
    to_ndarrays({{left, "a"}, {right, "b"}}, out);
    const Operand a{as_array(left)}, b{as_array(right)};
    if (!a.is_vector() || !b.is_vector() || a.dim(0) != b.dim(0))
        throw py::value_error("a, b: expected two 1-d arrays of equal length, got shapes " + shape_text(a.array) +
                              " and " + shape_text(b.array) + "; matvec and matmul take matrices");
    return product({left, "a"}, {right, "b"}, out);
}

}  // namespace forwardpass
