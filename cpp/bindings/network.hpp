// The class behind Linear, ReLU and Sequential, as Python sees it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bindings/arrays.hpp"
#include "network/network.hpp"

namespace forwardpass {

// A function of rows, and the tuple of the layer's arrays as Python gave them. load() replaces the tuple and the packed
// table together, so the arrays that a layer shows are those that it computes with.
struct ArrayLayer : RowLayer {
    std::shared_ptr<py::object> arrays;  // null for a layer without arrays
};

// What happens to x with more than two axes, where the layers do not simply take every row of its last axis.
enum class Axes {
    rows,     // such x is refused, because PyTorch's layer takes another axis of it
    flatten,  // all axes except the first become one
};

// Takes the last axis away where its size is 1, as PyTorch's squeeze(-1) does. It is the last layer then: for all
// others that axis is the row.
struct Squeeze {};

// One layer before fusion: weights of one dtype, or a layer for any dtype.
using AnyLayer = std::variant<Activation, std::shared_ptr<PackedWeights<float>>, std::shared_ptr<PackedWeights<double>>,
                              ArrayLayer, Residual, Axes, Squeeze>;

class BoundNetwork {
public:
    // Throws ValueError or TypeError where two layers do not chain, and names them by `positions`: the position of each
    // layer in its Sequential. A single layer has none.
    explicit BoundNetwork(std::vector<AnyLayer> layers, const std::vector<Index>& positions = {});

    // `out` may be null, and `threads` 0 for the number in the settings. Throws for faults in x and out, and then has
    // written nothing.
    py::object call(py::handle x, PyObject* out, int threads) const;

    // x as a call computes with it. Throws what the call would throw.
    py::object input(py::handle x) const;

    // Copies of all arrays, in order. A load() of another thread comes before it or after it.
    py::list state() const;

    // As state(), of some outputs of a linear layer: from `begin` on, at most `most` weights or one panel. Throws
    // TypeError where there is another layer, and ValueError where no part begins.
    py::list part(Index begin, Index most) const;

    // Puts new values in every weight and bias, and in every layer with a table, in order. `names` are for messages.
    // The value of a layer with a table is a pair: the table, and the tuple of arrays that state() shows. All are
    // checked before any changes, and no Python code runs while they change.
    void load(const py::tuple& names, const py::list& values);

    const std::vector<AnyLayer>& layers() const { return layers_; }
    // -1 where no layer has a width: such a network takes rows of any width.
    Index in_features() const { return in_features_; }
    Index out_features() const { return out_features_; }
    // NPY_FLOAT, NPY_DOUBLE, or -1 where no layer has weights.
    int type() const { return type_; }

private:
    template <class T>
    PyObject* run_plain(const Network<T>& network, PyObject* x, PyObject* out, int threads) const;
    template <class T>
    py::object run(const Network<T>& network, const py::object& x, PyObject* out, int threads) const;

    // Whether answers of that width lose their last axis. Throws ValueError where layers follow.
    bool squeezes(Index width) const;

    // x with the axes that the layers see. Throws ValueError.
    py::object checked_axes(py::object x) const;

    // What happens to x with more than two axes, and the name in messages of the layer that decides it.
    std::optional<Axes> axes_;
    std::string axes_name_;
    // Whether a Squeeze may find a width of 1, and whether nothing follows it.
    bool squeeze_ = false, squeeze_is_last_ = true;
    std::vector<AnyLayer> layers_;
    std::optional<Network<float>> f32_;  // both where no layer has a dtype
    std::optional<Network<double>> f64_;
    Index in_features_ = -1;
    // The outputs of the first layer that has a width, or -1 where it has features only. And its name, or its weight's,
    // in messages.
    Index first_outputs_ = -1;
    std::string first_name_;
    Index out_features_ = -1;
    int type_ = -1;
    bool elementwise_ = false;  // takes x without axes as well, and writes over it
};

// Null where __init__ has not made a network: a subclass may forget to call it, or use the object before. No other code
// asks that. Precondition: `self` is an object of the class, as it is in the class's slots.
inline BoundNetwork* network_or_null(PyObject* self) noexcept {
    return static_cast<BoundNetwork*>(
        reinterpret_cast<py::detail::instance*>(self)->get_value_and_holder().value_ptr());
}

// The network of an object, for methods. Throws TypeError where there is none; pybind11 would allocate an empty one.
BoundNetwork& network_of(py::handle self);
bool has_network(py::handle self);
[[noreturn]] void throw_never_initialised();

}  // namespace forwardpass
