// Registers _core.Network: its constructors, and what the Python layers ask of it. call.cpp has its call.
#include <pybind11/stl.h>

#include <vector>

#include "bindings/call.hpp"
#include "bindings/dtypes.hpp"
#include "bindings/layers.hpp"
#include "bindings/network.hpp"
#include "bindings/register.hpp"

namespace forwardpass {
namespace {

py::object features_or_none(Index features) { return features < 0 ? py::none() : py::object(py::int_(features)); }

struct Bytes {
    Index operator()(const Activation&) const { return 0; }
    Index operator()(Residual) const { return 0; }
    Index operator()(Axes) const { return 0; }
    Index operator()(Squeeze) const { return 0; }
    Index operator()(const ArrayLayer& layer) const { return layer.features ? layer.features->bytes() : 0; }
    template <class T>
    Index operator()(const std::shared_ptr<PackedWeights<T>>& weights) const {
        return weights->bytes();
    }
};

Index bytes(py::handle self) {
    Index total = 0;
    for (const AnyLayer& layer : network_of(self).layers()) total += std::visit(Bytes{}, layer);
    return total;
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
        .def(py::init([](const py::tuple& parts) {
                 std::vector<AnyLayer> layers;
                 std::vector<Index> positions;
                 for (std::size_t i = 0; i < parts.size(); ++i) {
                     const std::vector<AnyLayer>& part = network_of(parts[i]).layers();
                     layers.insert(layers.end(), part.begin(), part.end());
                     positions.insert(positions.end(), part.size(), static_cast<Index>(i));
                 }
                 return std::make_unique<BoundNetwork>(std::move(layers), positions);
             }),
             py::arg("parts"), "The layers of several networks in a row; weights are shared, not copied.")
        .def(py::init([](py::handle inner) {
                 const std::vector<AnyLayer>& inside = network_of(inner).layers();
                 std::vector<AnyLayer> layers{Residual::begin};
                 layers.insert(layers.end(), inside.begin(), inside.end());
                 layers.push_back(Residual::end);
                 return std::make_unique<BoundNetwork>(std::move(layers));
             }),
             py::arg("inner"), "x + inner(x).")
        .def_property_readonly(
            "in_features", [](py::handle self) { return features_or_none(network_of(self).in_features()); },
            "Width of the input, or None where no layer has one.")
        .def_property_readonly(
            "out_features", [](py::handle self) { return features_or_none(network_of(self).out_features()); },
            "Width of the output, or None where no layer has one.")
        .def_property_readonly(
            "dtype",
            [](py::handle self) {
                const int type = network_of(self).type();
                return type < 0 ? py::object(py::none())
                                : py::object(py::module_::import("numpy").attr("dtype")(dtype_name(type)));
            },
            "float32 or float64, or None where no layer has weights.")
        .def_property_readonly("nbytes", bytes, "Bytes of packed weights and biases, padding included.")
        .def_property_readonly("_initialised", has_network)
        .def(
            "_state", [](py::handle self) { return network_of(self).state(); }, "All arrays, in order, as new ones.")
        .def(
            "_part_of_weight",
            [](py::handle self, Index begin, Index most) { return network_of(self).part(begin, most); },
            py::arg("begin"), py::arg("most"), "Rows of a Linear's weight and their biases: about so many numbers.")
        .def(
            "_load",
            [](py::handle self, const py::tuple& names, const py::list& values) {
                network_of(self).load(names, values);
            },
            py::arg("names"), py::arg("values"), "New values for all arrays, in order, and what messages call them.");
    describe_call(module.attr("Network"));
    module.def(
        "as_input", [](py::handle network, py::handle x) { return network_of(network).input(x); }, py::arg("network"),
        py::arg("x"), "x as a call of the network computes with it, or what the call would raise.");
    // The rows of a table of features (kernels/contract.hpp).
    module.attr("CENTER") = center_row + 0;
    module.attr("SCALE") = scale_row + 0;
    module.attr("OFFSET") = offset_row + 0;
    module.attr("LOWEST") = lowest_row + 0;
    module.attr("HIGHEST") = highest_row + 0;
    module.attr("COLUMN_ROWS") = given_rows + 0;
    module.def("quotients", &quotient_rows, py::arg("numerator"), py::arg("denominator"),
               py::arg("eps_of_root") = py::none(),
               "numerator / denominator, or with eps numerator / sqrt(denominator + eps), as the sum of two rows.");
}

}  // namespace forwardpass
