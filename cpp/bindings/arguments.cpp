#include "bindings/arguments.hpp"

#include <string>

#include "machine/float_environment.hpp"

namespace forwardpass {
namespace {

// The CPU can read the memory of two of DLPack's device types: 1 is the CPU, 3 is pinned host memory.
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

// Raises what an object's own conversion raised, with the argument's name, which the object does not know. Exceptions
// that are not about the argument pass as they are: an interrupt, a signal handler's exception, a lack of memory.
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

// Whether all arrays are float, or all are double, and need no copy or conversion. While NumPy copies, other threads
// run. NumPy and subclasses of ndarray may run Python code.
bool are_read_as_they_lie(std::initializer_list<Argument> arguments, py::handle out) {
    bool all_float = out.is_none() || PyArray_CheckExact(out.ptr()), all_double = all_float;
    for (const Argument& argument : arguments) {
        if (!argument.value) continue;
        all_float = all_float && lies_plain(argument.value.ptr(), NPY_FLOAT);
        all_double = all_double && lies_plain(argument.value.ptr(), NPY_DOUBLE);
    }
    return all_float || all_double;
}

}  // namespace

bool is_masked_array(py::handle value) {
    // Not imported here: a caller who has a masked array has imported numpy.ma.
    const py::object modules = py::module_::import("sys").attr("modules");
    const py::object ma = modules.attr("get")("numpy.ma");
    return !ma.is_none() && py::isinstance(value, ma.attr("MaskedArray"));
}

py::object shared_ndarray(py::handle value, const char* name) {
    if (PyArray_CheckExact(value.ptr())) return py::reinterpret_borrow<py::object>(value);
    // Lists and tuples need no check, and the checks would take longer than converting a row.
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
        if (PyArray_NDIM(as_array(made)) == 0 &&
            !PyArray_ISNUMBER(as_array(made)))  // NumPy wraps anything as one object
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

}  // namespace forwardpass
