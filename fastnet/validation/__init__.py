"""Checks of what users hand over, shared by the reference, the kernels and all that stands on them."""
