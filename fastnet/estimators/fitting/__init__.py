"""A fit: samples as kernels take them, the solvers, and what is watched on the way."""
