// Reads copies of a network's arrays, and replaces all of them at once.
#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "bindings/arguments.hpp"
#include "bindings/destination.hpp"
#include "bindings/dtypes.hpp"
#include "bindings/gil.hpp"
#include "bindings/layers.hpp"
#include "bindings/network.hpp"

namespace forwardpass {
namespace {

// An array of the layer's own type and shape, ready to be packed.
template <class T>
struct Parameters {
    std::shared_ptr<PackedWeights<T>> to;
    py::object weight;
    py::object bias;  // null where the layer has none
};

// Gives one value after another, and checks each.
class NamedValues {
public:
    NamedValues(const py::tuple& names, const py::list& values) : names_(names) {
        if (names_.size() != values.size()) throw py::value_error("names and values: expected as many of each");
        // Converts all before it views the first: a conversion may run Python code, which can free another's memory.
        for (std::size_t i = 0; i < names_.size(); ++i) {
            const py::object value = values[i];
            const bool is_pair = PyTuple_Check(value.ptr());
            values_.push_back(is_pair ? value : shared_ndarray(value, names_[i].cast<std::string>().c_str()));
        }
    }
    py::object next(std::initializer_list<npy_intp> shape, int type) { return checked(take(), shape, type); }
    py::tuple next_pair() {
        const py::object value = take();
        if (!PyTuple_Check(value.ptr()) || PyTuple_GET_SIZE(value.ptr()) != 2)
            throw py::type_error(name_ + ": expected a table and a tuple of arrays");
        const py::tuple pair = value;
        check_arrays(pair[1], name_.c_str());
        return pair;
    }
    // Checks the value that was taken last, or a part of it.
    py::object checked(const py::object& value, std::initializer_list<npy_intp> shape, int type) const {
        const py::object array = to_ndarray(value, name_.c_str());
        const int ndim = static_cast<int>(shape.size());
        if (!has_shape(as_array(array), ndim, shape.begin()))
            throw py::value_error(name_ + ": expected shape " + shape_text(ndim, shape.begin()) + ", got " +
                                  shape_text(as_array(array)));
        return to_type(array, type, name_.c_str());
    }
    void check_end() const {
        if (next_ != names_.size()) throw py::value_error("names: expected one for each weight and bias");
    }

private:
    py::object take() {
        if (next_ == names_.size()) throw py::value_error("names: expected one for each weight and bias");
        name_ = names_[next_].cast<std::string>();
        return values_[next_++];
    }

    const py::tuple& names_;
    std::vector<py::object> values_;
    std::string name_;
    std::size_t next_ = 0;
};

struct ArraysToLoad {
    const ArrayLayer& to;
    py::object table;
    py::object arrays;
};

template <class T>
void load_as(const std::vector<AnyLayer>& layers, NamedValues values) {
    std::vector<Parameters<T>> checked;
    std::vector<ArraysToLoad> arrays;
    for (const AnyLayer& layer : layers) {
        if (const auto* row = std::get_if<ArrayLayer>(&layer); row != nullptr && row->features) {
            const py::tuple pair = values.next_pair();
            const py::object table =
                values.checked(py::object(pair[0]), {given_rows, row->features->width()}, NPY_DOUBLE);
            arrays.push_back({*row, adjacent_table(table), pair[1]});
        }
        const auto* weights = std::get_if<std::shared_ptr<PackedWeights<T>>>(&layer);
        if (weights == nullptr) continue;
        const PackedWeights<T>& to = **weights;
        const py::object weight = values.next({to.outputs(), to.depth()}, numpy_type<T>);
        py::object bias;
        if (to.has_bias()) bias = adjacent(values.next({to.outputs()}, numpy_type<T>));
        checked.push_back({*weights, weight, bias});
    }
    values.check_end();
    // Nothing can fail from here on: a network is never left with half of its new weights.
    for (const Parameters<T>& p : checked) p.to->assign(weight_source<T>(p.weight, p.bias));
    // The old arrays live until all are replaced, because freeing one may run Python code.
    for (ArraysToLoad& a : arrays) {
        a.to.features->assign(feature_values(a.table));
        std::swap(*a.to.arrays, a.arrays);
    }
}

py::object copied(const py::object& array) { return steal(PyArray_NewCopy(as_array(array), NPY_CORDER)); }

// Appends outputs begin to end of a weight and its bias. Panels must begin and end there.
template <class T>
void append(py::list& to, const PackedWeights<T>& weights, Index begin, Index end) {
    const npy_intp shape[] = {end - begin, weights.depth()};
    Destination weight(nullptr, 2, shape, numpy_type<T>);
    Destination bias(nullptr, 1, shape, numpy_type<T>);
    weights.unpack(begin, end, static_cast<T*>(weight.data()), static_cast<T*>(bias.data()));
    to.append(weight.finish());
    if (weights.has_bias()) to.append(bias.finish());
}

// Appends the arrays of one layer, as new ones.
struct AppendArrays {
    py::list& to;

    template <class T>
    void operator()(const std::shared_ptr<PackedWeights<T>>& weights) const {
        append(to, *weights, 0, weights->outputs());
    }
    void operator()(const ArrayLayer& layer) const {
        if (layer.arrays)
            for (const py::handle array : py::tuple(*layer.arrays))
                to.append(copied(py::reinterpret_borrow<py::object>(array)));
    }
    template <class Other>
    void operator()(const Other&) const {}
};

}  // namespace

py::list BoundNetwork::state() const {
    py::list arrays;
    for (const AnyLayer& layer : layers_) std::visit(AppendArrays{arrays}, layer);
    return arrays;
}

namespace {

// The outputs of a layer from `begin` on, in whole panels: as many as have at most `most` weights, or one panel.
struct PartFrom {
    Index begin, most;

    template <class T>
    py::list operator()(const std::shared_ptr<PackedWeights<T>>& weights) const {
        const Index width = weights->panel_outputs(), depth = std::max<Index>(weights->depth(), 1);
        if (begin < 0 || begin > weights->outputs() || begin % width != 0)
            throw py::value_error("begin: expected where another part ended, got " + std::to_string(begin));
        const Index panels = std::max<Index>(most / depth / width, 1);
        py::list arrays;
        append(arrays, *weights, begin, std::min(begin + panels * width, weights->outputs()));
        return arrays;
    }
    template <class Other>
    py::list operator()(const Other&) const {
        throw py::type_error("expected one Linear");
    }
};

}  // namespace

py::list BoundNetwork::part(Index begin, Index most) const {
    return std::visit(PartFrom{begin, most}, layers_.front());
}

void BoundNetwork::load(const py::tuple& names, const py::list& values) {
    const Inside inside;
    if (type_ == NPY_DOUBLE) load_as<double>(layers_, {names, values});
    else load_as<float>(layers_, {names, values});
}

}  // namespace forwardpass
