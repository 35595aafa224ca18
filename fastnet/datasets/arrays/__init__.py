"""Arrays in files: ``.npy``, ``.npz`` and IDX, read and written."""
