// _core.Network: constructors, the hot call, and what the Python layers need to know of it.
#include <pybind11/stl.h>

#include <vector>

#include "bindings/call.hpp"
#include "bindings/checks.hpp"
#include "bindings/layers.hpp"
#include "bindings/network.hpp"
#include "bindings/register.hpp"
#include "bindings/threads.hpp"

namespace forwardpass {
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
        const auto value = reinterpret_cast<py::detail::instance*>(self)->get_value_and_holder();
        const auto* network = static_cast<const BoundNetwork*>(value.value_ptr());
        if (network == nullptr) throw py::type_error("the network was never initialised: call super().__init__(...)");
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

// tp_call: what super().__call__ of a subclass comes to.
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
    // CPython before 3.12 comes here although the subclass was given a __call__ of its own later.
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

// Where an object keeps its vectorcall function: behind what pybind11 keeps there.
constexpr Py_ssize_t vectorcall_offset = sizeof(py::detail::instance);
newfunc pybind11_new = nullptr;

// Subclasses come here too, and before CPython 3.12 do not inherit the flag.
PyObject* new_network(PyTypeObject* type, PyObject* args, PyObject* kwargs) noexcept {
    PyObject* const self = pybind11_new(type, args, kwargs);
    if (self == nullptr) return nullptr;
    if (type->tp_call == call_with_tuple) type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    *reinterpret_cast<vectorcallfunc*>(reinterpret_cast<char*>(self) + vectorcall_offset) = call_network;
    return self;
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

py::object features_or_none(Index features) { return features < 0 ? py::none() : py::object(py::int_(features)); }

struct Bytes {
    Index operator()(const Activation&) const { return 0; }
    Index operator()(Residual) const { return 0; }
    Index operator()(Axes) const { return 0; }
    Index operator()(const ArrayLayer& layer) const { return layer.columns ? layer.columns->bytes() : 0; }
    template <class T>
    Index operator()(const std::shared_ptr<PackedWeights<T>>& weights) const {
        return weights->bytes();
    }
};

Index bytes(const BoundNetwork& network) {
    Index total = 0;
    for (const AnyLayer& layer : network.layers()) total += std::visit(Bytes{}, layer);
    return total;
}

// What Columns divides by, in two rows: the first and the second part of each quotient.
py::object quotient_rows(const py::object& numerator_value, const py::object& denominator_value,
                         const std::optional<double>& eps_of_root) {
    const auto checked = [](const py::object& value, const char* name) {
        return adjacent(to_type(to_ndarray(value, name), NPY_DOUBLE, name));
    };
    const py::object numerator = checked(numerator_value, "numerator"),
                     denominator = checked(denominator_value, "denominator");
    check_bias(as_array(numerator), "numerator", PyArray_SIZE(as_array(denominator)));
    check_bias(as_array(denominator), "denominator", PyArray_SIZE(as_array(numerator)));
    const npy_intp shape[] = {2, PyArray_SIZE(as_array(numerator))};
    Destination rows(nullptr, 2, shape, NPY_DOUBLE);
    const auto* const above = static_cast<const double*>(PyArray_DATA(as_array(numerator)));
    const auto* const below = static_cast<const double*>(PyArray_DATA(as_array(denominator)));
    auto* const high = static_cast<double*>(rows.data());
    if (eps_of_root) quotients_by_root(above, below, *eps_of_root, shape[1], high, high + shape[1]);
    else quotients(above, below, shape[1], high, high + shape[1]);
    return rows.finish();
}

// Not by a method of BoundNetwork: to call one, pybind11 would make room for an object that __init__ has not made yet.
bool is_initialised(py::handle self) {
    return py::isinstance<BoundNetwork>(self) &&
           reinterpret_cast<py::detail::instance*>(self.ptr())->get_value_and_holder().instance_registered();
}

}  // namespace

void register_network(py::module_& module) {
    py::class_<BoundNetwork>(module, "Network", py::custom_type_setup(set_call_slots),
                             "A chain of layers, run as one call. The base of Linear, ReLU and Sequential.")
        .def(py::init([]() -> std::unique_ptr<BoundNetwork> {
            throw py::type_error(
                "a Module is not made by itself, and its forward() would not be called: "
                "build networks of layers with Sequential(...)");
        }))
        .def(py::init([](const py::object& weight, const py::object& bias) {
                 return std::make_unique<BoundNetwork>(std::vector<AnyLayer>{make_linear(weight, bias)});
             }),
             py::arg("weight"), py::arg("bias"), "One linear layer; bias may be None.")
        .def(py::init([](const std::string& function, double a, double b, const py::object& table,
                         const py::object& arrays, const std::string& axes) {
                 return std::make_unique<BoundNetwork>(make_function(function, a, b, table, arrays, axes));
             }),
             py::arg("function"), py::arg("a"), py::arg("b"), py::arg("table"), py::arg("arrays"), py::arg("axes"),
             "One function by name, with its parameters; a layer with arrays also gives its table and its arrays.")
        .def(py::init([](const BoundNetwork& inner) {
                 std::vector<AnyLayer> layers{Residual::begin};
                 layers.insert(layers.end(), inner.layers().begin(), inner.layers().end());
                 layers.push_back(Residual::end);
                 return std::make_unique<BoundNetwork>(std::move(layers));
             }),
             py::arg("inner"), "x + inner(x).")
        .def(py::init([](const std::vector<const BoundNetwork*>& parts) {
                 std::vector<AnyLayer> layers;
                 std::vector<Index> positions;
                 for (std::size_t i = 0; i < parts.size(); ++i) {
                     const std::vector<AnyLayer>& part = parts[i]->layers();
                     layers.insert(layers.end(), part.begin(), part.end());
                     positions.insert(positions.end(), part.size(), static_cast<Index>(i));
                 }
                 return std::make_unique<BoundNetwork>(std::move(layers), positions);
             }),
             py::arg("parts"), "The layers of several networks in a row; weights are shared, not copied.")
        .def_property_readonly(
            "in_features", [](const BoundNetwork& n) { return features_or_none(n.in_features()); },
            "Width of the input, or None where no layer has one.")
        .def_property_readonly(
            "out_features", [](const BoundNetwork& n) { return features_or_none(n.out_features()); },
            "Width of the output, or None where no layer has one.")
        .def_property_readonly(
            "dtype",
            [](const BoundNetwork& n) {
                return n.type() < 0 ? py::object(py::none())
                                    : py::object(py::module_::import("numpy").attr("dtype")(dtype_name(n.type())));
            },
            "float32 or float64, or None where no layer has weights.")
        .def_property_readonly("nbytes", bytes, "Bytes of packed weights and biases, padding included.")
        .def_property_readonly("_initialised", is_initialised)
        .def("as_input", &BoundNetwork::input, py::arg("x"),
             "x as a call computes with it, or what the call would raise.")
        .def("_state", &BoundNetwork::state, "All arrays, in order, as new ones.")
        .def("_load", &BoundNetwork::load, py::arg("names"), py::arg("values"),
             "New values for all arrays, in order, and what messages call them.");
    // The rows of a table of columns (kernels/contract.hpp).
    module.attr("CENTER") = center_row + 0;
    module.attr("SCALE") = scale_row + 0;
    module.attr("OFFSET") = offset_row + 0;
    module.attr("LOWEST") = lowest_row + 0;
    module.attr("HIGHEST") = highest_row + 0;
    module.attr("COLUMN_ROWS") = column_rows + 0;
    module.def("quotients", &quotient_rows, py::arg("numerator"), py::arg("denominator"),
               py::arg("eps_of_root") = py::none(),
               "numerator / denominator, or with eps numerator / sqrt(denominator + eps), as the sum of two rows.");
}

}  // namespace forwardpass
