// The hot call: from Python's vectorcall to the run of a network.
#pragma once

#include "bindings/numpy_api.hpp"

namespace forwardpass {

// Sets the slots for calls of the class of networks and, through its tp_new, of every subclass.
void set_call_slots(PyHeapTypeObject* heap_type);

// Sets what inspect.signature() and help() show of a call. Needs the finished class.
void describe_call(pybind11::handle type);

}  // namespace forwardpass
