// Each function registers one part of _core. module.cpp calls them all.
#pragma once

#include <pybind11/pybind11.h>

namespace forwardpass {

void register_network(pybind11::module_& module);
void register_threads(pybind11::module_& module);
void register_functional(pybind11::module_& module);
void register_machine(pybind11::module_& module);

}  // namespace forwardpass
