"""`fastnet cache`: the compiled kernels that are kept, and those that are compiled ahead."""
