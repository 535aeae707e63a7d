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

// A function of rows, and the arrays of the layer as Python gave them: a tuple, replaced together with what was packed
// of it, so that a layer never says one thing and computes another.
struct ArrayLayer : RowLayer {
    std::shared_ptr<py::object> arrays;  // null where it has none
};

// What the layers from here on take of x that has more than two axes, where it is not every row of the last one.
enum class Axes {
    rows,     // nothing: such x is refused, as the source of the layer takes another axis then
    flatten,  // all axes but the first, as one
};

// Takes the last axis away where its size is 1, as PyTorch's squeeze(-1) does. It is the last layer then: for all
// others that axis is the row.
struct Squeeze {};

// One layer before fusion: weights of one dtype, or what takes any.
using AnyLayer = std::variant<Activation, std::shared_ptr<PackedWeights<float>>, std::shared_ptr<PackedWeights<double>>,
                              ArrayLayer, Residual, Axes, Squeeze>;

class BoundNetwork {
public:
    // Throws ValueError or TypeError, naming the two layers, where they do not chain.
    // What messages call the layers: of a Sequential the position of each there, else none.
    explicit BoundNetwork(std::vector<AnyLayer> layers, const std::vector<Index>& positions = {});

    // `out` may be null, `threads` 0 for the settings' number. Throws what faults in x and out deserve;
    // nothing is written then.
    py::object call(py::handle x, PyObject* out, int threads) const;

    // x as a call computes with it, or what the call would throw.
    py::object input(py::handle x) const;

    // All arrays, in order, as new ones. Another thread's load() comes before or after it.
    py::list state() const;

    // As state(), of some outputs of a linear layer: from `begin` on, at most `most` weights or one panel. Throws
    // TypeError where there is another layer, and ValueError where no part begins.
    py::list part(Index begin, Index most) const;

    // New values for every weight and bias and every layer with arrays of its own, in order, and their names in
    // messages. For the latter, a pair: the table that is packed, and a tuple, what state() says. All are checked
    // before any is changed, and no Python code runs while they change.
    void load(const py::tuple& names, const py::list& values);

    const std::vector<AnyLayer>& layers() const { return layers_; }
    // -1 where no layer has a width: such a network takes rows of any.
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

    // What is done with x of more than two axes, and what messages call the layer that decides it.
    std::optional<Axes> axes_;
    std::string axes_name_;
    // Whether a Squeeze may find a width of 1, and whether nothing follows it.
    bool squeeze_ = false, squeeze_is_last_ = true;
    std::vector<AnyLayer> layers_;
    std::optional<Network<float>> f32_;  // both where no layer has a dtype
    std::optional<Network<double>> f64_;
    Index in_features_ = -1;
    // Of the first layer that has a width: its outputs, -1 where it has features alone, and what messages call it or
    // its weight.
    Index first_outputs_ = -1;
    std::string first_name_;
    Index out_features_ = -1;
    int type_ = -1;
    bool elementwise_ = false;  // takes x without axes as well, and writes over it
};

// Null where __init__ has not made a network: a subclass may forget to call it, or use the object before. Whether one
// was made is asked here alone. Precondition: `self` is an object of the class, as its slots get.
inline BoundNetwork* network_or_null(PyObject* self) noexcept {
    return static_cast<BoundNetwork*>(
        reinterpret_cast<py::detail::instance*>(self)->get_value_and_holder().value_ptr());
}

// What every method works on. pybind11 would make room for a network that is not there. Throws TypeError.
BoundNetwork& network_of(py::handle self);
bool has_network(py::handle self);
[[noreturn]] void throw_never_initialised();

}  // namespace forwardpass
