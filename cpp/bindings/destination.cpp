#include "bindings/destination.hpp"

#include <cstdlib>
#include <string>
#include <utility>

#include "bindings/arguments.hpp"
#include "bindings/dtypes.hpp"

namespace forwardpass {
namespace {

py::object array_of(int type, int ndim, const npy_intp* shape) {
    return type == NPY_FLOAT ? new_array<float>(ndim, shape) : new_array<double>(ndim, shape);
}

}  // namespace

Destination::Destination(PyObject* out, int ndim, const npy_intp* shape, int type) {
    if (out == nullptr || out == Py_None) {
        result_ = written_ = array_of(type, ndim, shape);
        return;
    }
    if (!PyArray_CheckExact(out) && (!PyArray_Check(out) || is_masked_array(out)))
        throw py::type_error(std::string("out: expected a numpy.ndarray, got ") + Py_TYPE(out)->tp_name);
    result_ = written_ = py::reinterpret_borrow<py::object>(out);
    PyArrayObject* const array = as_array(result_);
    if (PyArray_TYPE(array) != type || !PyArray_ISNOTSWAPPED(array))
        throw py::type_error(std::string("out: expected dtype ") + dtype_name(type) + " in native byte order, got " +
                             dtype_text(array));
    if (!has_shape(array, ndim, shape))
        throw py::value_error("out: expected shape " + shape_text(ndim, shape) + ", got " + shape_text(array));
    if (!PyArray_ISWRITEABLE(array)) throw py::value_error("out: the array is read-only");

    const Index itemsize = PyArray_ITEMSIZE(array);
    const bool adjacent =
        PyArray_ISALIGNED(array) &&
        (PyArray_IS_C_CONTIGUOUS(array) || (ndim == 2 && has_adjacent_elements(array) &&
                                            std::abs(PyArray_STRIDE(array, 0)) >= PyArray_DIM(array, 1) * itemsize));
    if (!adjacent) take_temporary();
}

void Destination::take_temporary() {
    PyArrayObject* const array = as_array(written_);
    target_ = private_view(as_array(result_));
    written_ = array_of(PyArray_TYPE(array), PyArray_NDIM(array), PyArray_DIMS(array));
}

void Destination::keep_apart_from(const py::object& input, bool in_place) {
    PyArrayObject* array = as_array(written_);
    PyArrayObject* other = as_array(input);
    if (in_place && PyArray_DATA(array) == PyArray_DATA(other) && PyArray_IS_C_CONTIGUOUS(array) &&
        PyArray_IS_C_CONTIGUOUS(other))
        return;
    if (overlap(extent(array), extent(other))) take_temporary();
}

py::object Destination::finish() {
    if (target_ && PyArray_CopyInto(as_array(target_), as_array(written_)) < 0) throw py::error_already_set();
    return std::move(result_);
}

py::object or_scalar(PyObject* out, py::object result) {
    if (out != nullptr && out != Py_None) return result;
    return steal(PyArray_Return(reinterpret_cast<PyArrayObject*>(result.release().ptr())));
}

}  // namespace forwardpass
