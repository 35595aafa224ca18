"""What calls run on: arrays as kernels see them, stages and their addresses, claims of work, teams that change size."""
