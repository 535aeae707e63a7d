#include "bindings/fast_function.hpp"

#include <algorithm>

namespace forwardpass {

namespace py = pybind11;

Signature::Signature(const char* function, std::vector<const char*> names, std::size_t required, std::size_t positional)
    : function_(function), names_(std::move(names)), required_(required), positional_(positional) {
    for (const char* name : names_) {
        interned_.push_back(PyUnicode_InternFromString(name));
        if (interned_.back() == nullptr) throw py::error_already_set();
    }
}

std::string Signature::text() const {
    std::string text = function_ + "(";
    for (std::size_t i = 0; i < names_.size(); ++i) {
        if (i > 0) text += ", ";
        if (i == positional_) text += "*, ";
        text += names_[i];
        if (i >= required_) text += "=None";
    }
    return text + ")";
}

std::size_t Signature::position_of(PyObject* keyword) const {
    std::size_t i = 0;
    while (i < names_.size() && interned_[i] != keyword) ++i;  // Python interns the keywords in a program's text
    if (i < names_.size()) return i;
    for (i = 0; i < names_.size() && PyUnicode_Compare(keyword, interned_[i]) != 0;) ++i;
    return i;
}

void Signature::bind(PyObject* const* args, Py_ssize_t count, PyObject* keywords, PyObject** values) const {
    const auto given = static_cast<std::size_t>(count);
    if (given > positional_)
        throw py::type_error(text() + ": expected at most " + std::to_string(positional_) +
                             " positional arguments, got " + std::to_string(given));
    std::fill_n(std::copy_n(args, given, values), names_.size() - given, nullptr);
    const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
    for (Py_ssize_t k = 0; k < named; ++k) {
        PyObject* const keyword = PyTuple_GET_ITEM(keywords, k);
        const std::size_t i = position_of(keyword);
        if (i == names_.size())
            throw py::type_error(text() + ": there is no argument " + py::repr(keyword).cast<std::string>());
        if (values[i] != nullptr) throw py::type_error(text() + ": " + names_[i] + " was given twice");
        values[i] = args[count + k];
    }
    for (std::size_t i = 0; i < names_.size(); ++i) {
        if (values[i] != nullptr) continue;
        if (i < required_) throw py::type_error(text() + ": " + names_[i] + " is missing");
        values[i] = Py_None;
    }
}

}  // namespace forwardpass
