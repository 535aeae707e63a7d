#include "bindings/call.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "bindings/arguments.hpp"
#include "bindings/destination.hpp"
#include "bindings/dtypes.hpp"
#include "bindings/gil.hpp"
#include "bindings/network.hpp"
#include "bindings/threads.hpp"
#include "network/converted.hpp"

namespace forwardpass {
namespace {

// The extent of an array whose elements lie one after another.
template <class T>
Extent extent_of(PyArrayObject* array, Index elements) noexcept {
    const char* const begin = PyArray_BYTES(array);
    return {begin, begin + elements * static_cast<Index>(sizeof(T))};
}

// Runs the network over checked rows. `source` is not null where the rows must be converted.
template <class T>
void compute(const Network<T>& network, const Batch<T>& batch, const Source* source, int threads) {
    const int most = threads_of_call(threads, shared_work(network.work(1, batch.width), batch.rows));
    run_released(network.work(batch.rows, batch.width), [&] {
        return source != nullptr ? run_converted(network, *source, batch, most, signal_raised)
                                 : network.run(batch, most, signal_raised);
    });
}

}  // namespace

// The usual case needs fewer checks than the general one: contiguous rows of the network's type, and an `out` like that
// which does not overlap them. Returns null in any other case.
template <class T>
PyObject* BoundNetwork::run_plain(const Network<T>& network, PyObject* x, PyObject* out, int threads) const {
    if (!lies_plain(x, numpy_type<T>)) return nullptr;
    PyArrayObject* const from = as_array(x);
    const int ndim = PyArray_NDIM(from);
    if (ndim < 1 || ndim > 2 || last_axis(from) != in_features_) return nullptr;
    const Index rows = ndim == 1 ? 1 : PyArray_DIM(from, 0);
    const bool squeezed = squeezes(out_features_);
    if (rows == 0 || in_features_ == 0 || out_features_ == 0 || (squeezed && ndim == 1)) return nullptr;
    const int out_ndim = squeezed ? 1 : ndim;
    const npy_intp shape[] = {ndim == 1 ? out_features_ : rows, out_features_};
    py::object result;
    if (out != nullptr) {
        if (!lies_plain(out, numpy_type<T>) || !PyArray_ISWRITEABLE(as_array(out)) ||
            !has_shape(as_array(out), out_ndim, shape) ||
            overlap(extent_of<T>(as_array(out), rows * out_features_), extent_of<T>(from, rows * in_features_)))
            return nullptr;
        result = py::reinterpret_borrow<py::object>(out);
    } else {
        result = new_array<T>(out_ndim, shape);
    }
    const py::object keeps_x = py::reinterpret_borrow<py::object>(x);
    const Batch<T> batch{static_cast<const T*>(PyArray_DATA(from)),
                         in_features_,
                         static_cast<T*>(PyArray_DATA(as_array(result))),
                         out_features_,
                         rows,
                         in_features_};
    compute(network, batch, nullptr, threads);
    return result.release().ptr();
}

// The general case: any array-like, and any `out`.
template <class T>
py::object BoundNetwork::run(const Network<T>& network, const py::object& x, PyObject* out, int threads) const {
    const Input input = as_input(x, numpy_type<T>, "x");
    const Rows& from = input.rows;
    npy_intp shape[NPY_MAXDIMS];
    const int ndim = PyArray_NDIM(as_array(x));
    std::copy_n(PyArray_DIMS(as_array(x)), ndim, shape);
    if (out_features_ >= 0) shape[ndim - 1] = out_features_;

    const bool squeezed = squeezes(shape[ndim - 1]);
    Destination destination(out, squeezed ? ndim - 1 : ndim, shape, numpy_type<T>);
    if (destination.empty()) return destination.finish();  // whatever the number of rows
    if (out != nullptr) destination.keep_apart_from(from.array, elementwise_);
    const Rows to = destination.rows();
    const Batch<T> batch{static_cast<const T*>(from.data), from.row_stride, static_cast<T*>(to.data),
                         squeezed ? 1 : to.row_stride,     from.rows,       from.width};
    compute(network, batch, input.source ? &*input.source : nullptr, threads);
    return or_scalar(out, destination.finish());
}

py::object BoundNetwork::call(py::handle value, PyObject* out, int threads) const {
    if (PyObject* const result = type_ == NPY_FLOAT    ? run_plain(*f32_, value.ptr(), out, threads)
                                 : type_ == NPY_DOUBLE ? run_plain(*f64_, value.ptr(), out, threads)
                                                       : nullptr)
        return py::reinterpret_steal<py::object>(result);
    const Inside inside;
    py::object x = shared_ndarray(value, "x");
    if (!kernels_convert(as_array(x))) x = to_ndarray(x, "x");  // the conversion runs Python code, which may change x
    x = checked_axes(x);
    const int type = type_ >= 0 ? type_ : common_type({{x, "x"}});
    return or_scalar(out, type == NPY_FLOAT ? run(*f32_, x, out, threads) : run(*f64_, x, out, threads));
}

namespace {

struct Keywords {
    PyObject* out = nullptr;
    int threads = 0;
};

// The keyword arguments out and num_threads. Throws TypeError for any other.
Keywords keywords_of(PyObject* names, PyObject* const* values) {
    static PyObject* const out_name = PyUnicode_InternFromString("out");
    static PyObject* const threads_name = PyUnicode_InternFromString("num_threads");
    Keywords keywords;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i) {
        PyObject* const name = PyTuple_GET_ITEM(names, i);
        const auto is = [name](PyObject* known) { return name == known || PyUnicode_Compare(name, known) == 0; };
        if (is(out_name)) keywords.out = values[i] == Py_None ? nullptr : values[i];
        else if (is(threads_name)) keywords.threads = thread_count_or_none(values[i]);
        else
            throw py::type_error("a network takes one argument, x, and the keywords out and num_threads; got " +
                                 py::repr(name).cast<std::string>());
    }
    return keywords;
}

// net(x, *, out=None, num_threads=None): positional arguments, then the values of the keywords `names`.
PyObject* run_network(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) noexcept {
    try {
        const BoundNetwork* const network = network_or_null(self);
        if (network == nullptr) throw_never_initialised();
        if (count != 1)
            throw py::type_error("a network takes one argument, x, and the keywords out and num_threads; got " +
                                 std::to_string(count) + " positional arguments");
        const Keywords keywords = names == nullptr ? Keywords{} : keywords_of(names, args + 1);
        return network->call(args[0], keywords.out, keywords.threads).release().ptr();
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

// tp_call, which super().__call__ of a subclass calls.
PyObject* call_with_tuple(PyObject* self, PyObject* args, PyObject* kwargs) noexcept {
    try {
        std::vector<PyObject*> values(&PyTuple_GET_ITEM(args, 0), &PyTuple_GET_ITEM(args, 0) + PyTuple_GET_SIZE(args));
        py::object names;
        if (kwargs != nullptr && PyDict_GET_SIZE(kwargs) > 0) {
            names = py::tuple(static_cast<std::size_t>(PyDict_GET_SIZE(kwargs)));
            PyObject *name, *value;
            Py_ssize_t at = 0;
            for (Py_ssize_t i = 0; PyDict_Next(kwargs, &at, &name, &value); ++i) {
                PyTuple_SET_ITEM(names.ptr(), i, Py_NewRef(name));
                values.push_back(value);
            }
        }
        return run_network(self, values.data(), PyTuple_GET_SIZE(args), names.ptr());
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

// The usual entry, by the vectorcall protocol: pybind11's own dispatcher takes longer than a small network [log 22].
PyObject* call_network(PyObject* self, PyObject* const* args, std::size_t nargsf, PyObject* names) noexcept {
    const Py_ssize_t count = PyVectorcall_NARGS(nargsf);
    const ternaryfunc call = Py_TYPE(self)->tp_call;
    if (call == call_with_tuple) return run_network(self, args, count, names);
    // CPython before 3.12 comes here even if somebody has set the subclass's __call__ after the class was made.
    try {
        py::tuple positional(static_cast<std::size_t>(count));
        py::dict keywords;
        for (Py_ssize_t i = 0; i < count; ++i) positional[static_cast<std::size_t>(i)] = py::handle(args[i]);
        for (Py_ssize_t i = 0; names != nullptr && i < PyTuple_GET_SIZE(names); ++i)
            keywords[py::handle(PyTuple_GET_ITEM(names, i))] = py::handle(args[count + i]);
        return call(self, positional.ptr(), keywords.ptr());
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

// Where an object keeps its vectorcall function: behind pybind11's own part of the object.
constexpr Py_ssize_t vectorcall_offset = sizeof(py::detail::instance);
newfunc pybind11_new = nullptr;

// Subclasses use it too, because before CPython 3.12 they do not inherit the flag.
PyObject* new_network(PyTypeObject* type, PyObject* args, PyObject* kwargs) noexcept {
    PyObject* const self = pybind11_new(type, args, kwargs);
    if (self == nullptr) return nullptr;
    if (type->tp_call == call_with_tuple) type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    *reinterpret_cast<vectorcallfunc*>(reinterpret_cast<char*>(self) + vectorcall_offset) = call_network;
    return self;
}

// CPython's own descriptor of a tp_call shows (*args, **kwargs) in help(). This one shows our arguments and calls the
// same function.
constexpr char call_doc[] =
    "__call__($self, x, /, *, out=None, num_threads=None)\n--\n\n"
    "The answers to x, of shape (..., in_features), as an array of shape (..., out_features): see Module.";

}  // namespace

void describe_call(py::handle type) {
    PyObject* const members = reinterpret_cast<PyTypeObject*>(type.ptr())->tp_dict;
    const auto* const general = reinterpret_cast<PyWrapperDescrObject*>(PyDict_GetItemString(members, "__call__"));
    static wrapperbase described = *general->d_base;  // subclasses know tp_call by the names and functions in it
    described.doc = call_doc;
    const py::object descriptor =
        steal(PyDescr_NewWrapper(reinterpret_cast<PyTypeObject*>(type.ptr()), &described, general->d_wrapped));
    if (PyDict_SetItemString(members, "__call__", descriptor.ptr()) != 0) throw py::error_already_set();
    PyType_Modified(reinterpret_cast<PyTypeObject*>(type.ptr()));
}

void set_call_slots(PyHeapTypeObject* heap_type) {
    PyTypeObject& type = heap_type->ht_type;
    pybind11_new = type.tp_base->tp_new;
    type.tp_new = new_network;
    type.tp_call = call_with_tuple;
    type.tp_vectorcall_offset = vectorcall_offset;
    type.tp_basicsize = vectorcall_offset + static_cast<Py_ssize_t>(sizeof(vectorcallfunc));
    type.tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
}

}  // namespace forwardpass
