"""Tables of samples in CSV or Parquet: read, kept for the next time, written."""
