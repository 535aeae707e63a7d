// The hot call: from Python's vectorcall to the run of a network.
#pragma once

#include "bindings/numpy_api.hpp"

namespace forwardpass {

// For the class of networks and, through its tp_new, for every subclass.
void set_call_slots(PyHeapTypeObject* heap_type);

// What inspect.signature() and help() show of a call, once the class is made.
void describe_call(pybind11::handle type);

}  // namespace forwardpass
