#define FORWARDPASS_IMPORTS_NUMPY
#include "bindings/arrays.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "bindings/copied_context.hpp"
#include "machine/float_environment.hpp"

namespace forwardpass {
namespace {

std::string dtype_text(PyArrayObject* array) {
    return py::str(py::handle(reinterpret_cast<PyObject*>(PyArray_DESCR(array)))).cast<std::string>();
}

bool is_masked_array(py::handle value) {
    // Whoever holds one has imported numpy.ma.
    const py::object modules = py::module_::import("sys").attr("modules");
    const py::object ma = modules.attr("get")("numpy.ma");
    return !ma.is_none() && py::isinstance(value, ma.attr("MaskedArray"));
}

// Of DLPack's device types, those whose memory the CPU reads: 1 is the CPU, 3 is pinned host memory.
bool is_on_another_device(py::handle value) {
    const py::object device = value.attr("__dlpack_device__")();
    const bool is_pair = PyTuple_Check(device.ptr()) && PyTuple_GET_SIZE(device.ptr()) == 2;
    const Py_ssize_t kind =
        is_pair ? PyNumber_AsSsize_t(PyTuple_GET_ITEM(device.ptr(), 0), PyExc_OverflowError) : Py_ssize_t{-1};
    if (PyErr_Occurred()) throw py::error_already_set();
    if (!is_pair)
        throw py::type_error("expected __dlpack_device__() to give a pair of numbers, got " +
                             py::repr(device).cast<std::string>());
    return kind != 1 && kind != 3;
}

// What an object's own conversion raised, with the argument's name, which the object does not know. What says nothing
// of the argument passes as it is: an interrupt, a signal handler's exception, a lack of memory.
[[noreturn]] void throw_named(py::error_already_set& error, const char* name) {
    PyObject* type = nullptr;
    if (error.matches(PyExc_ValueError)) type = PyExc_ValueError;
    for (PyObject* const unfit :
         {PyExc_TypeError, PyExc_AttributeError, PyExc_BufferError, PyExc_LookupError, PyExc_OverflowError})
        if (error.matches(unfit)) type = PyExc_TypeError;
    if (error.matches(PyExc_RuntimeError) && !error.matches(PyExc_RecursionError)) type = PyExc_TypeError;
    if (type == nullptr) throw error;
    py::raise_from(error, type, (std::string(name) + ": " + py::str(error.value()).cast<std::string>()).c_str());
    throw py::error_already_set();
}

// A view of the same elements that nobody else holds. Python code that runs later, or another thread, may give the
// array another shape, strides, dtype or flags: those of the view stay as they were checked.
py::object private_view(PyArrayObject* array) {
    PyArray_Descr* const descr = PyArray_DESCR(array);
    Py_INCREF(descr);  // PyArray_NewFromDescr steals it
    py::object view =
        steal(PyArray_NewFromDescr(&PyArray_Type, descr, PyArray_NDIM(array), PyArray_DIMS(array),
                                   PyArray_STRIDES(array), PyArray_DATA(array), PyArray_FLAGS(array), nullptr));
    PyObject* const owner = reinterpret_cast<PyObject*>(array);
    Py_INCREF(owner);  // PyArray_SetBaseObject steals it
    if (PyArray_SetBaseObject(as_array(view), owner) < 0) throw py::error_already_set();
    return view;
}

// While it exists, NumPy reports no overflow of a cast.
class QuietCasts {
public:
    QuietCasts() : errstate_(py::module_::import("numpy").attr("errstate")(py::arg("all") = "ignore")) {
        errstate_.attr("__enter__")();
    }
    ~QuietCasts() {
        const py::error_scope kept;
        if (!finished_ && !end()) PyErr_Clear();
    }
    QuietCasts(const QuietCasts&) = delete;
    QuietCasts& operator=(const QuietCasts&) = delete;

    // After the cast, for an interrupt that comes here.
    void finish() {
        finished_ = true;
        if (!end()) throw py::error_already_set();
    }

private:
    // NumPy 1 keeps the setting with the thread. The context of NumPy 2 goes as a whole.
    bool end() noexcept {
        if (PyArray_RUNTIME_VERSION >= NPY_2_0_API_VERSION) return true;
        PyObject* const done = PyObject_CallMethod(errstate_.ptr(), "__exit__", "OOO", Py_None, Py_None, Py_None);
        Py_XDECREF(done);
        return done != nullptr;
    }
    const CopiedContext context_{};
    py::object errstate_;
    bool finished_ = false;
};

bool is_plain(PyArrayObject* array, int type) { return PyArray_TYPE(array) == type && PyArray_ISBEHAVED_RO(array); }

// Whether all arrays are float, or all are double, and none is copied or converted: NumPy lets other threads run while
// it copies, and both it and a subclass of ndarray may run Python code.
bool are_read_as_they_lie(std::initializer_list<Argument> arguments, py::handle out) {
    bool all_float = out.is_none() || PyArray_CheckExact(out.ptr()), all_double = all_float;
    for (const Argument& argument : arguments) {
        if (!argument.value) continue;
        PyArrayObject* const array = as_array(argument.value);
        const bool as_it_lies = PyArray_CheckExact(argument.value.ptr()) && PyArray_IS_C_CONTIGUOUS(array);
        all_float = all_float && as_it_lies && is_plain(array, NPY_FLOAT);
        all_double = all_double && as_it_lies && is_plain(array, NPY_DOUBLE);
    }
    return all_float || all_double;
}

bool has_adjacent_elements(PyArrayObject* array) {
    const int last = PyArray_NDIM(array) - 1;
    return last < 0 || PyArray_DIM(array, last) <= 1 || PyArray_STRIDE(array, last) == PyArray_ITEMSIZE(array);
}

// The first byte and one past the last one that an array's elements touch.
std::pair<const char*, const char*> extent(PyArrayObject* array) {
    const char* low = PyArray_BYTES(array);
    const char* high = low + PyArray_ITEMSIZE(array);
    for (int d = 0; d < PyArray_NDIM(array); ++d) {
        if (PyArray_DIM(array, d) == 0) return {low, low};
        const npy_intp reach = (PyArray_DIM(array, d) - 1) * PyArray_STRIDE(array, d);
        (reach < 0 ? low : high) += reach;
    }
    return {low, high};
}

bool may_overlap(PyArrayObject* a, PyArrayObject* b) {
    const auto [a_low, a_high] = extent(a);
    const auto [b_low, b_high] = extent(b);
    return a_low < b_high && b_low < a_high;
}

// What the kernels call a NumPy type.
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

// The product of all axes but the last.
Index rows_in(PyArrayObject* array) noexcept {
    Index rows = 1;
    for (int d = 0; d + 1 < PyArray_NDIM(array); ++d) rows *= PyArray_DIM(array, d);
    return rows;
}

// Whether one row stride describes all leading axes.
bool has_row_stride(PyArrayObject* array) noexcept {
    return PyArray_NDIM(array) <= 2 || PyArray_IS_C_CONTIGUOUS(array);
}

std::optional<Source> source_of(PyArrayObject* array) noexcept {
    const std::optional<Number> type = number_of(PyArray_TYPE(array));
    if (!type || !has_row_stride(array)) return std::nullopt;
    const int last = PyArray_NDIM(array) - 1;
    const Index row = last == 1 ? PyArray_STRIDE(array, 0) : PyArray_DIM(array, last) * PyArray_ITEMSIZE(array);
    return Source{PyArray_BYTES(array), row, PyArray_STRIDE(array, last), *type, !PyArray_ISNOTSWAPPED(array)};
}

}  // namespace

py::object steal(PyObject* object) {
    if (object == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(object);
}

void import_numpy() {
    if (_import_array() < 0) throw py::error_already_set();
}

std::string shape_text(int ndim, const npy_intp* shape) {
    std::string text = "(";
    for (int d = 0; d < ndim; ++d) text += (d ? ", " : "") + std::to_string(shape[d]);
    return text + (ndim == 1 ? ",)" : ")");
}

std::string shape_text(PyArrayObject* array) { return shape_text(PyArray_NDIM(array), PyArray_DIMS(array)); }

py::object shared_ndarray(py::handle value, const char* name) {
    if (PyArray_CheckExact(value.ptr())) return py::reinterpret_borrow<py::object>(value);
    // Lists and tuples are asked nothing: the questions take longer than the conversion of a row.
    const bool is_sequence = PyList_CheckExact(value.ptr()) || PyTuple_CheckExact(value.ptr());
    if (!is_sequence && is_masked_array(value))
        throw py::type_error(std::string(name) + ": masked arrays are not supported; fill it first (numpy.ma.filled)");
    if (PyArray_Check(value.ptr())) return py::reinterpret_borrow<py::object>(value);
    try {
        if (!is_sequence && py::hasattr(value, "__dlpack_device__")) {
            if (is_on_another_device(value))
                throw py::type_error("the tensor is on another device; copy it to the CPU first");
            if (!py::hasattr(value, "__array__")) return py::module_::import("numpy").attr("from_dlpack")(value);
        }
        const StandardFloatEnvironment environment;  // or flush-to-zero would lose numbers of a list
        py::object made = steal(PyArray_FROM_O(value.ptr()));
        if (PyArray_NDIM(as_array(made)) == 0 && !PyArray_ISNUMBER(as_array(made)))  // what NumPy takes for one object
            throw py::type_error(std::string("expected an array of numbers, got ") + Py_TYPE(value.ptr())->tp_name);
        return made;
    } catch (const py::type_error& error) {
        throw py::type_error(std::string(name) + ": " + error.what());
    } catch (py::error_already_set& error) {
        throw_named(error, name);
    }
}

py::object to_ndarray(py::handle value, const char* name) {
    return private_view(as_array(shared_ndarray(value, name)));
}

void to_ndarrays(std::initializer_list<Argument> arguments, py::handle out) {
    for (const Argument& argument : arguments)
        if (argument.value) argument.value = shared_ndarray(argument.value, argument.name);
    if (are_read_as_they_lie(arguments, out)) return;
    for (const Argument& argument : arguments)
        if (argument.value) argument.value = private_view(as_array(argument.value));
}

int common_type(std::initializer_list<Named> arrays) {
    std::vector<PyArrayObject*> all;
    all.reserve(arrays.size());
    bool alike = true;
    for (const Named& named : arrays) {
        if (!named.array) continue;
        PyArrayObject* array = as_array(named.array);
        const int type = PyArray_TYPE(array);
        if (!(PyTypeNum_ISBOOL(type) || PyTypeNum_ISINTEGER(type) || type == NPY_HALF || type == NPY_FLOAT ||
              type == NPY_DOUBLE))
            throw py::type_error(std::string(named.name) +
                                 ": expected float32, float64, float16, integers or bool, got dtype " +
                                 dtype_text(array));
        all.push_back(array);
        alike = alike && type == PyArray_TYPE(all.front());
    }
    int type = PyArray_TYPE(all.front());
    if (!alike) {
        const py::object promoted = steal(
            reinterpret_cast<PyObject*>(PyArray_ResultType(static_cast<npy_intp>(all.size()), all.data(), 0, nullptr)));
        type = reinterpret_cast<PyArray_Descr*>(promoted.ptr())->type_num;
    }
    return type == NPY_HALF || type == NPY_FLOAT ? NPY_FLOAT : NPY_DOUBLE;
}

py::object to_type(const py::object& array, int type, const char* name) {
    if (is_plain(as_array(array), type)) return array;
    PyArray_Descr* descr = PyArray_DescrFromType(type);
    const py::object keep = steal(reinterpret_cast<PyObject*>(descr));
    if (!PyArray_CanCastArrayTo(as_array(array), descr, NPY_SAME_KIND_CASTING))
        throw py::type_error(std::string(name) + ": dtype " + dtype_text(as_array(array)) + " cannot be converted to " +
                             (type == NPY_FLOAT ? "float32" : "float64") + " by NumPy's same_kind rule");
    QuietCasts quiet;                            // an overflow to infinity in this conversion is a value like any other
    const StandardFloatEnvironment environment;  // or the caller's rounding mode would choose the bits
    Py_INCREF(descr);                            // PyArray_FromArray steals it
    py::object converted = steal(PyArray_FromArray(as_array(array), descr, NPY_ARRAY_CARRAY_RO | NPY_ARRAY_FORCECAST));
    quiet.finish();
    return converted;
}

py::object adjacent(const py::object& array) {
    if (has_adjacent_elements(as_array(array))) return array;
    return steal(PyArray_GETCONTIGUOUS(as_array(array)));
}

py::object flattened(PyArrayObject* array) {
    // NumPy makes no array whose size passes 63 bits, counted without axes of no elements.
    npy_intp shape[] = {PyArray_DIM(array, 0), 1};
    for (int d = 1; d < PyArray_NDIM(array); ++d) shape[1] *= PyArray_DIM(array, d);
    PyArray_Dims two_axes{shape, 2};
    return steal(PyArray_Newshape(array, &two_axes, NPY_CORDER));
}

bool kernels_convert(PyArrayObject* array) noexcept {
    return number_of(PyArray_TYPE(array)).has_value() && has_row_stride(array);
}

Input as_input(const py::object& array, int type, const char* name) {
    PyArrayObject* const a = as_array(array);
    const bool as_it_lies = is_plain(a, type) && has_adjacent_elements(a) && has_row_stride(a);
    if (const auto source = as_it_lies ? std::nullopt : source_of(a))
        return {{array, nullptr, rows_in(a), PyArray_DIM(a, PyArray_NDIM(a) - 1), 0}, source};
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

Destination::Destination(PyObject* out, int ndim, const npy_intp* shape, int type) {
    if (out == nullptr || out == Py_None) {
        result_ = written_ = steal(PyArray_SimpleNew(ndim, shape, type));
        return;
    }
    if (!PyArray_CheckExact(out) && (!PyArray_Check(out) || is_masked_array(out)))
        throw py::type_error(std::string("out: expected a numpy.ndarray, got ") + Py_TYPE(out)->tp_name);
    result_ = written_ = py::reinterpret_borrow<py::object>(out);
    PyArrayObject* const array = as_array(result_);
    if (PyArray_TYPE(array) != type || !PyArray_ISNOTSWAPPED(array))
        throw py::type_error(std::string("out: expected dtype ") + (type == NPY_FLOAT ? "float32" : "float64") +
                             " in native byte order, got " + dtype_text(array));
    if (PyArray_NDIM(array) != ndim || !std::equal(shape, shape + ndim, PyArray_DIMS(array)))
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
    written_ = steal(PyArray_SimpleNew(PyArray_NDIM(array), PyArray_DIMS(array), PyArray_TYPE(array)));
}

void Destination::keep_apart_from(const py::object& input, bool in_place) {
    PyArrayObject* array = as_array(written_);
    PyArrayObject* other = as_array(input);
    if (in_place && PyArray_DATA(array) == PyArray_DATA(other) && PyArray_IS_C_CONTIGUOUS(array) &&
        PyArray_IS_C_CONTIGUOUS(other))
        return;
    if (may_overlap(array, other)) take_temporary();
}

py::object Destination::finish() {
    if (target_ && PyArray_CopyInto(as_array(target_), as_array(written_)) < 0) throw py::error_already_set();
    return std::move(result_);
}

py::object or_scalar(const py::object& out, py::object result) {
    if (!out.is_none()) return result;
    return steal(PyArray_Return(reinterpret_cast<PyArrayObject*>(result.release().ptr())));
}

}  // namespace forwardpass
