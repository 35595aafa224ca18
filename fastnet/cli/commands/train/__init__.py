"""`fastnet train`: its options, what they mean together, and the run."""
