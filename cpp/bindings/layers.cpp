#include "bindings/layers.hpp"

#include "bindings/arguments.hpp"
#include "bindings/checks.hpp"
#include "bindings/destination.hpp"
#include "bindings/dtypes.hpp"
#include "bindings/gil.hpp"
#include "bindings/rows.hpp"
#include "machine/dispatch.hpp"
#include "machine/float_environment.hpp"

namespace forwardpass {
namespace {

// PyTorch's names and default parameters.
constexpr struct {
    const char* name;
    Activation activation;
} activations[] = {
    {"identity", {Function::identity}},
    {"relu", {Function::relu}},
    {"leaky_relu", {Function::leaky_relu, 0.01}},
    {"elu", {Function::elu, 1}},
    {"selu", {Function::selu}},
    {"gelu", {Function::gelu}},
    {"gelu_tanh", {Function::gelu_tanh}},
    {"silu", {Function::silu}},
    {"tanh", {Function::tanh}},
    {"sigmoid", {Function::sigmoid}},
    {"softplus", {Function::softplus, 1, 20}},
    {"hardtanh", {Function::hardtanh, -1, 1}},
    {"celu", {Function::celu, 1}},
    {"mish", {Function::mish}},
    {"softsign", {Function::softsign}},
    {"hardswish", {Function::hardswish}},
    {"hardsigmoid", {Function::hardsigmoid}},
};

constexpr struct {
    const char* name;
    RowFunction function;
} row_functions[] = {
    {"columns", RowFunction::affine},    {"layer_norm", RowFunction::layer_norm},
    {"rms_norm", RowFunction::rms_norm}, {"prelu", RowFunction::prelu},
    {"softmax", RowFunction::softmax},   {"log_softmax", RowFunction::log_softmax},
};

}  // namespace

void check_arrays(const py::object& arrays, const char* name) {
    bool right = PyTuple_Check(arrays.ptr());
    for (Py_ssize_t i = 0; right && i < PyTuple_GET_SIZE(arrays.ptr()); ++i)
        right = PyArray_CheckExact(PyTuple_GET_ITEM(arrays.ptr(), i));
    if (!right) throw py::type_error(std::string(name) + ": expected a tuple of arrays");
}

Activation activation_named(const std::string& name) {
    std::string names;
    for (const auto& known : activations) {
        if (name == known.name) return known.activation;
        names += std::string(names.empty() ? "'" : ", '") + known.name + "'";
    }
    throw py::value_error("activation: expected one of " + names + " or None, got '" + name + "'");
}

namespace {

AnyLayer function_layer(const std::string& name, double a, double b, py::handle table, const py::object& arrays) {
    for (const auto& known : row_functions) {
        if (name != known.name) continue;
        ArrayLayer layer{{known.function, nullptr, a}, nullptr};
        if (!table.is_none()) {
            const py::object values = adjacent_table(to_type(to_ndarray(table, "table"), NPY_DOUBLE, "table"));
            layer.features = std::make_shared<FeatureTable>(PyArray_DIM(as_array(values), 1), feature_values(values));
            check_arrays(arrays, "arrays");
            layer.arrays = std::make_shared<py::object>(arrays);
        } else if (known.function < RowFunction::softmax) {
            throw py::value_error("table: expected values for " + name + ", got None");
        }
        return layer;
    }
    return Activation{activation_named(name).function, a, b};
}

}  // namespace

std::vector<AnyLayer> make_function(const std::string& name, double a, double b, py::handle table,
                                    const py::object& arrays, const std::string& axes) {
    std::vector<AnyLayer> layers;
    if (axes == "rows") layers.push_back(Axes::rows);
    else if (axes == "flatten") layers.push_back(Axes::flatten);
    else if (axes != "any" && axes != "squeeze")
        throw py::value_error("axes: expected any, rows, flatten or squeeze, got '" + axes + "'");
    layers.push_back(function_layer(name, a, b, table, arrays));
    if (axes == "squeeze") layers.push_back(Squeeze{});
    return layers;
}

py::object adjacent_table(const py::object& table) {
    if (PyArray_NDIM(as_array(table)) != 2 || PyArray_DIM(as_array(table), 0) != given_rows)
        throw py::value_error("table: expected shape (" + std::to_string(given_rows) + ", features), got " +
                              shape_text(as_array(table)));
    return steal(PyArray_FROM_OF(table.ptr(), NPY_ARRAY_CARRAY_RO));
}

FeatureValues feature_values(const py::object& table) {
    const auto* const values = static_cast<const double*>(PyArray_DATA(as_array(table)));
    const auto row = [&](Index number) { return values + number * PyArray_DIM(as_array(table), 1); };
    return {{row(center_row), row(center_row + 1)},
            {row(scale_row), row(scale_row + 1)},
            {row(offset_row), row(offset_row + 1)},
            row(lowest_row),
            row(highest_row)};
}

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
    const StandardFloatEnvironment environment;  // or the caller's rounding mode would choose the bits
    auto* const high = static_cast<double*>(rows.data());
    if (eps_of_root) quotients_by_root(above, below, *eps_of_root, shape[1], high, high + shape[1]);
    else quotients(above, below, shape[1], high, high + shape[1]);
    return rows.finish();
}

AnyLayer make_linear(py::handle weight_value, py::handle bias_value) {
    const Inside inside;
    if (PyBool_Check(bias_value.ptr()))  // torch.nn.Linear takes a bool here
        throw py::type_error("bias: expected an array of shape (out_features,) or None, got a bool");
    auto weight = py::reinterpret_borrow<py::object>(weight_value);
    auto bias = bias_value.is_none() ? py::object() : py::reinterpret_borrow<py::object>(bias_value);
    to_ndarrays({{weight, "weight"}, {bias, "bias"}});
    if (PyArray_NDIM(as_array(weight)) == 0)
        throw py::value_error(
            "weight: expected a 2-d array of shape (out_features, in_features), got a 0-d array; "
            "Linear.random(in_features, out_features) makes a layer from two sizes");
    check_matrix(as_array(weight), "weight", "(out_features, in_features)");
    const int type = common_type({{weight, "weight"}});
    weight = to_type(weight, type, "weight");
    if (bias) {
        check_bias(as_array(bias), "bias", PyArray_DIM(as_array(weight), 0));
        bias = adjacent(to_type(bias, type, "bias"));
    }
    const auto pack = [&](auto zero) -> AnyLayer {
        using T = decltype(zero);
        const Index outputs = PyArray_DIM(as_array(weight), 0), depth = PyArray_DIM(as_array(weight), 1);
        const WeightSource<T> source = weight_source<T>(weight, bias);
        std::shared_ptr<PackedWeights<T>> packed;
        run_released(outputs * depth, [&] {
            packed = std::make_shared<PackedWeights<T>>(kernels_of<T>(chosen_table()), source, depth, outputs);
            return true;
        });
        return packed;
    };
    return type == NPY_FLOAT ? pack(float{}) : pack(double{});
}

}  // namespace forwardpass
