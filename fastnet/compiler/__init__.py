"""How kernels are compiled: policy, code generation, levels of processors, and where compiled code is kept."""
