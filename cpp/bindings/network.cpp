#include "bindings/network.hpp"

#include <algorithm>
#include <string>

#include "bindings/arguments.hpp"
#include "bindings/checks.hpp"
#include "bindings/dtypes.hpp"
#include "bindings/gil.hpp"
#include "bindings/rows.hpp"
#include "machine/dispatch.hpp"

namespace forwardpass {
namespace {

struct LayerShape {
    Index position;  // in the Sequential that is made of it
    Index in_features;
    Index out_features;
    int type;  // -1 for any
};

std::string describe(const LayerShape& layer) {
    const std::string where = "layer " + std::to_string(layer.position) + ", ";
    if (layer.type < 0) return where + "of " + std::to_string(layer.in_features) + " features,";
    return where + "Linear(in_features=" + std::to_string(layer.in_features) +
           ", out_features=" + std::to_string(layer.out_features) + "),";
}

// A PReLU with one slope takes rows of any width.
bool takes_any(const ArrayLayer& layer) { return layer.function == RowFunction::prelu && layer.features->width() == 1; }

// The shapes of the layers that have a width. Activations take any width.
std::vector<LayerShape> shapes_of(const std::vector<AnyLayer>& layers, const std::vector<Index>& positions) {
    std::vector<LayerShape> shapes;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const AnyLayer& layer = layers[i];
        const Index position = positions.empty() ? 0 : positions[i];
        if (const auto* f32 = std::get_if<std::shared_ptr<PackedWeights<float>>>(&layer))
            shapes.push_back({position, (*f32)->depth(), (*f32)->outputs(), NPY_FLOAT});
        else if (const auto* f64 = std::get_if<std::shared_ptr<PackedWeights<double>>>(&layer))
            shapes.push_back({position, (*f64)->depth(), (*f64)->outputs(), NPY_DOUBLE});
        else if (const auto* row = std::get_if<ArrayLayer>(&layer); row != nullptr && row->features && !takes_any(*row))
            shapes.push_back({position, row->features->width(), row->features->width(), -1});
    }
    return shapes;
}

// A common mistake is to pass weights as Keras and scikit-learn keep them, which are transposed. The first weight of a
// pair can be the wrong one only where nothing comes before it.
std::string transpose_hint(const LayerShape& first, const LayerShape& second, bool starts) {
    const char* whose = nullptr;
    if (first.type < 0 || second.type < 0) return "";
    if (first.out_features == second.out_features) whose = "the second one's weight";
    else if (starts && first.in_features == second.in_features) whose = "the first one's weight";
    else if (starts && first.in_features == second.out_features) whose = "both weights";
    else return "";
    return std::string("; with ") + whose + " transposed it would fit: weights are (out_features, in_features)";
}

void check_chain(const std::vector<LayerShape>& shapes) {
    for (std::size_t i = 1; i < shapes.size(); ++i) {
        const LayerShape &first = shapes[i - 1], &second = shapes[i];
        if (first.out_features == second.in_features) continue;
        throw py::value_error(describe(first) + " gives " + std::to_string(first.out_features) + " features, but " +
                              describe(second) + " takes " + std::to_string(second.in_features) +
                              transpose_hint(first, second, i == 1));
    }
}

// The dtype that all layers with a dtype share, or -1 where no layer has one. Throws TypeError where two differ.
int check_types(const std::vector<LayerShape>& shapes) {
    const LayerShape* typed = nullptr;
    for (const LayerShape& shape : shapes) {
        if (shape.type < 0) continue;
        if (typed != nullptr && typed->type != shape.type)
            throw py::type_error(describe(*typed) + " is " + dtype_name(typed->type) + ", but " + describe(shape) +
                                 " is " + dtype_name(shape.type));
        typed = &shape;
    }
    return typed == nullptr ? -1 : typed->type;
}

// Which layer decides what happens to x with more than two axes, and how. Functions of each element may stand before a
// Flatten, because they do the same after it. A layer that computes rows of the last axis may not: its rows would be
// parts of the rows that follow the Flatten.
std::pair<std::optional<Axes>, std::size_t> deciding_axes(const std::vector<AnyLayer>& layers) {
    bool takes_rows = false;
    int residuals = 0;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        if (const auto* axes = std::get_if<Axes>(&layers[i]))
            return {takes_rows || residuals > 0 ? Axes::rows : *axes, i};
        if (const auto* residual = std::get_if<Residual>(&layers[i]))
            residuals += *residual == Residual::begin ? 1 : -1;
        else if (!std::holds_alternative<Activation>(layers[i])) takes_rows = true;
    }
    return {std::nullopt, 0};
}

// How many features there are behind a layer: what the last of those before it gives, or the first behind it takes.
// -1 where none of them says.
Index width_at(const std::vector<AnyLayer>& layers, std::size_t at) {
    const auto split = layers.begin() + static_cast<std::ptrdiff_t>(at);
    const std::vector<LayerShape> before = shapes_of({layers.begin(), split}, {});
    const std::vector<LayerShape> after = shapes_of({split, layers.end()}, {});
    return !before.empty() ? before.back().out_features : !after.empty() ? after.front().in_features : -1;
}

template <class T>
Network<T> build(const std::vector<AnyLayer>& layers) {
    std::vector<Layer<T>> typed;
    for (const AnyLayer& layer : layers) {
        std::visit(
            [&](const auto& value) {
                if constexpr (std::is_constructible_v<Layer<T>, decltype(value)>) typed.push_back(value);
            },
            layer);
    }
    return Network<T>(kernels_of<T>(chosen_table()), typed);
}

}  // namespace

BoundNetwork::BoundNetwork(std::vector<AnyLayer> layers, const std::vector<Index>& positions)
    : layers_(std::move(layers)) {
    if (layers_.empty()) throw py::value_error("a network needs at least one layer, got none");
    const std::vector<LayerShape> shapes = shapes_of(layers_, positions);
    check_chain(shapes);
    type_ = check_types(shapes);
    if (!shapes.empty()) {
        in_features_ = shapes.front().in_features;
        const bool has_weight = shapes.front().type >= 0, alone = positions.empty();
        const std::string position = "layer " + std::to_string(shapes.front().position);
        if (has_weight) first_outputs_ = shapes.front().out_features;
        if (has_weight) first_name_ = alone ? "weight" : "weight of " + position;
        else first_name_ = alone ? "this layer" : position;
        out_features_ = shapes.back().out_features;
    }
    elementwise_ = std::all_of(layers_.begin(), layers_.end(),
                               [](const AnyLayer& layer) { return std::holds_alternative<Activation>(layer); });
    const auto [axes, decides] = deciding_axes(layers_);
    axes_ = axes;
    axes_name_ = positions.empty() ? "this layer" : "layer " + std::to_string(positions[decides]);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        if (!std::holds_alternative<Squeeze>(layers_[i])) continue;
        const Index width = width_at(layers_, i);
        if (width >= 0 && width != 1) continue;  // nothing to take away
        const bool last = i + 1 == layers_.size();
        if (width == 1 && !last)
            throw py::value_error("layer " + std::to_string(positions.empty() ? 0 : positions[i]) +
                                  ", Squeeze, takes the axis of features away: expected it to be the last layer");
        squeeze_ = true;
        squeeze_is_last_ = squeeze_is_last_ && last;
    }
    if (type_ != NPY_DOUBLE) f32_ = build<float>(layers_);
    if (type_ != NPY_FLOAT) f64_ = build<double>(layers_);
}

bool has_network(py::handle self) {
    return py::isinstance<BoundNetwork>(self) && network_or_null(self.ptr()) != nullptr;
}

BoundNetwork& network_of(py::handle self) {
    if (!py::isinstance<BoundNetwork>(self))
        throw py::type_error(std::string("expected a network, got ") + Py_TYPE(self.ptr())->tp_name);
    BoundNetwork* const network = network_or_null(self.ptr());
    if (network == nullptr) throw_never_initialised();
    return *network;
}

void throw_never_initialised() {
    throw py::type_error("the network was never initialised: call super().__init__(...) first");
}

py::object BoundNetwork::input(py::handle value) const {
    const Inside inside;
    const py::object x = checked_axes(to_ndarray(value, "x"));
    return to_type(x, type_ >= 0 ? type_ : common_type({{x, "x"}}), "x");
}

bool BoundNetwork::squeezes(Index width) const {
    if (!squeeze_ || width != 1) return false;
    if (!squeeze_is_last_)
        throw py::value_error(
            "x: expected more than one feature: Squeeze takes the axis of a single one away, and is "
            "not the last layer");
    return true;
}

py::object BoundNetwork::checked_axes(py::object x) const {
    PyArrayObject* const array = as_array(x);
    if (!elementwise_) check_has_axis(array, "x");
    if (axes_ && PyArray_NDIM(array) > 2) {
        if (*axes_ == Axes::rows)
            throw py::value_error(
                "x: expected one or two axes, got shape " + shape_text(array) + "; " + axes_name_ +
                " is not over the last axis where there are more: pass rows, x.reshape(-1, x.shape[-1])");
        x = flattened(array);
    }
    if (first_outputs_ >= 0) check_depth(as_array(x), in_features_, first_outputs_, first_name_.c_str(), false);
    else if (in_features_ >= 0) check_features(as_array(x), in_features_, first_name_.c_str());
    return x;
}

}  // namespace forwardpass
