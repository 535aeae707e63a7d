#include "bindings/rows.hpp"

#include <cstddef>
#include <utility>

#include "bindings/dtypes.hpp"

namespace forwardpass {
namespace {

// The kernels' name for a NumPy type.
std::optional<Number> number_of(int type) noexcept {
    const auto integer = [](bool is_signed, std::size_t size) {
        return size == 1   ? is_signed ? Number::int8 : Number::uint8
               : size == 2 ? is_signed ? Number::int16 : Number::uint16
               : size == 4 ? is_signed ? Number::int32 : Number::uint32
               : is_signed ? Number::int64
                           : Number::uint64;
    };
    switch (type) {
        case NPY_BOOL: return Number::boolean;
        case NPY_BYTE: return Number::int8;
        case NPY_UBYTE: return Number::uint8;
        case NPY_SHORT: return integer(true, sizeof(npy_short));
        case NPY_USHORT: return integer(false, sizeof(npy_ushort));
        case NPY_INT: return integer(true, sizeof(npy_int));
        case NPY_UINT: return integer(false, sizeof(npy_uint));
        case NPY_LONG: return integer(true, sizeof(npy_long));
        case NPY_ULONG: return integer(false, sizeof(npy_ulong));
        case NPY_LONGLONG: return integer(true, sizeof(npy_longlong));
        case NPY_ULONGLONG: return integer(false, sizeof(npy_ulonglong));
        case NPY_HALF: return Number::float16;
        case NPY_FLOAT: return Number::float32;
        case NPY_DOUBLE: return Number::float64;
        default: return std::nullopt;
    }
}

std::optional<Source> source_of(PyArrayObject* array) noexcept {
    const std::optional<Number> type = number_of(PyArray_TYPE(array));
    if (!type || PyArray_NDIM(array) == 0 || !has_row_stride(array)) return std::nullopt;
    const int last = PyArray_NDIM(array) - 1;
    const Index row = last == 1 ? PyArray_STRIDE(array, 0) : PyArray_DIM(array, last) * PyArray_ITEMSIZE(array);
    return Source{PyArray_BYTES(array), row, PyArray_STRIDE(array, last), *type, !PyArray_ISNOTSWAPPED(array)};
}

}  // namespace

py::object adjacent(const py::object& array) {
    if (has_adjacent_elements(as_array(array))) return array;
    return steal(PyArray_GETCONTIGUOUS(as_array(array)));
}

py::object flattened(PyArrayObject* array) {
    // The product cannot overflow: NumPy makes no array whose axes, without those of size 0, multiply beyond 63 bits.
    npy_intp shape[] = {PyArray_DIM(array, 0), 1};
    for (int d = 1; d < PyArray_NDIM(array); ++d) shape[1] *= PyArray_DIM(array, d);
    PyArray_Dims two_axes{shape, 2};
    return steal(PyArray_Newshape(array, &two_axes, NPY_CORDER));
}

bool kernels_convert(PyArrayObject* array) noexcept { return source_of(array).has_value(); }

Input as_input(const py::object& array, int type, const char* name) {
    PyArrayObject* const a = as_array(array);
    const bool as_it_lies = is_plain(a, type) && has_adjacent_elements(a) && has_row_stride(a);
    if (const auto source = as_it_lies ? std::nullopt : source_of(a))
        return {{array, nullptr, rows_in(a), last_axis(a), 0}, source};
    return {as_rows(to_type(array, type, name)), std::nullopt};
}

Rows as_rows(py::object array) {
    PyArrayObject* a = as_array(array);
    const int ndim = PyArray_NDIM(a);
    if (!has_adjacent_elements(a) || !has_row_stride(a)) {
        array = steal(PyArray_GETCONTIGUOUS(a));
        a = as_array(array);
    }
    const Index width = ndim == 0 ? 1 : PyArray_DIM(a, ndim - 1), rows = rows_in(a);
    const Index row_stride = ndim == 2 && rows > 1 ? PyArray_STRIDE(a, 0) / PyArray_ITEMSIZE(a) : width;
    return {std::move(array), PyArray_DATA(a), rows, width, row_stride};
}

}  // namespace forwardpass
