"""How kernels are compiled: Numba's policy and code generation, levels of processors, and where compiled code is kept."""
