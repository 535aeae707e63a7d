// Instruction sets, this machine's ceilings, and the reference kernel.
#include <pybind11/stl.h>

#include <algorithm>
#include <iterator>

#include "bindings/arrays.hpp"
#include "bindings/copied_context.hpp"
#include "bindings/destination.hpp"
#include "bindings/fast_function.hpp"
#include "bindings/layers.hpp"
#include "bindings/register.hpp"
#include "machine/dispatch.hpp"
#include "machine/float_environment.hpp"

namespace forwardpass {
namespace {

py::object available_isas() {
    py::list names;
    for (const KernelTable* table : available_tables()) names.append(table->name);
    return names;
}

// Returns the number of operations. The volatile result keeps the compiler from dropping them.
template <class T>
Index burst(Index steps) {
    const Kernels<T>& kernels = kernels_of<T>(chosen_table());
    volatile T sink = kernels.fma_burst(steps);
    (void)sink;
    return steps * kernels.fma_burst_flops;
}

Index fma_burst(const std::string& dtype, Index steps) {
    if (dtype != "float32" && dtype != "float64")
        throw py::value_error("dtype: expected 'float32' or 'float64', got '" + dtype + "'");
    return dtype == "float32" ? burst<float>(steps) : burst<double>(steps);
}

py::tuple streams_there_are() {
    py::tuple all(std::size(read_streams));
    for (std::size_t i = 0; i < std::size(read_streams); ++i) all[i] = read_streams[i];
    return all;
}

float read_sum(const py::object& data, Index repeats, Index streams) {
    if (!lies_plain(data.ptr(), NPY_FLOAT) || PyArray_NDIM(as_array(data)) != 1)
        throw py::value_error("data: expected a contiguous 1-d float32 array");
    if (std::find(std::begin(read_streams), std::end(read_streams), streams) == std::end(read_streams))
        throw py::value_error("streams: expected one of READ_STREAMS, got " + std::to_string(streams));
    volatile float sum = 0;
    for (Index i = 0; i < repeats; ++i)
        sum = chosen_table().f32.read_sum(static_cast<const float*>(PyArray_DATA(as_array(data))),
                                          PyArray_SIZE(as_array(data)), streams);
    return sum;
}

template <class T>
py::object reference_as(const py::object& x, const py::object& w, const py::object& b, const Activation& activation) {
    const npy_intp shape[] = {PyArray_DIM(as_array(x), 0), PyArray_DIM(as_array(w), 0)};
    Destination destination(nullptr, 2, shape, numpy_type<T>);
    reference_linear<T>(
        static_cast<const T*>(PyArray_DATA(as_array(x))), static_cast<const T*>(PyArray_DATA(as_array(w))),
        b.is_none() ? nullptr : static_cast<const T*>(PyArray_DATA(as_array(b))), static_cast<T*>(destination.data()),
        shape[0], PyArray_DIM(as_array(x), 1), shape[1], activation);
    return destination.finish();
}

py::object reference(const py::object& x, const py::object& w, const py::object& b,
                     const std::optional<std::string>& activation) {
    const int type = PyArray_Check(x.ptr()) && PyArray_TYPE(as_array(x)) == NPY_DOUBLE ? NPY_DOUBLE : NPY_FLOAT;
    const auto is_matrix = [type](const py::object& array) {
        return lies_plain(array.ptr(), type) && PyArray_NDIM(as_array(array)) == 2;
    };
    const bool fit =
        is_matrix(x) && is_matrix(w) && last_axis(as_array(x)) == last_axis(as_array(w)) &&
        (b.is_none() || (lies_plain(b.ptr(), type) && has_shape(as_array(b), 1, PyArray_DIMS(as_array(w)))));
    if (!fit)
        throw py::value_error(
            "reference_linear: expected C-contiguous x (rows, depth), W (outputs, depth) and b "
            "(outputs,) or None, all float32 or all float64");
    const Activation applied = activation ? activation_named(*activation) : Activation{};
    return type == NPY_FLOAT ? reference_as<float>(x, w, b, applied) : reference_as<double>(x, w, b, applied);
}

// Destructors end both, because an interrupt can come while any Python code runs.
py::object undisturbed(const py::object& function, const py::tuple& args, const py::dict& kwargs) {
    const StandardFloatEnvironment environment;
    const CopiedContext context;
    return steal(PyObject_Call(function.ptr(), args.ptr(), kwargs.ptr()));
}

}  // namespace

void register_machine(py::module_& module) {
    chosen_table();  // a bad FORWARDPASS_ISA fails the import, not the first call
    module.attr("CONTRACT") = "fma-v2";
    module.attr("ROW_ORDER") = "rows-v3";
    module.attr("FUNCTIONS") = "functions-v2";
    FastFunction<&available_isas>::define(module, "available_isas", {}, 0, 0,
                                          R"(Names of the instruction sets that run on this machine, best first.

The environment variable FORWARDPASS_ISA forces one of them when the package is imported.

Examples
--------
>>> import forwardpass as fp
>>> "scalar" in fp.available_isas()
True
)");
    module.def(
        "current_isa", [] { return std::string(chosen_table().name); },
        "Name of the instruction set that networks built now will use.");
    module.def("choose_isa", &choose_table, py::arg("name"),
               "Networks built and functions called from now on use this one. ValueError lists what runs here.");
    module.def("undisturbed", &undisturbed, py::arg("function"), py::arg("args"), py::arg("kwargs"),
               "Calls it in the standard floating-point environment, and in a copy of the current context.");
    module.def("fma_burst", &fma_burst, py::arg("dtype"), py::arg("steps"),
               "Runs independent FMAs in registers and returns how many floating-point operations they were.");
    module.attr("READ_STREAMS") = streams_there_are();
    module.def("read_sum", &read_sum, py::arg("data"), py::arg("repeats"), py::arg("streams"),
               "The sum of `data`, read `repeats` times, in so many equal parts side by side.");
    module.def("reference_linear", &reference, py::arg("x"), py::arg("W"), py::arg("b") = py::none(),
               py::arg("activation") = py::none(), "The contract in plain C++: what every kernel must equal, slowly.");
}

}  // namespace forwardpass
