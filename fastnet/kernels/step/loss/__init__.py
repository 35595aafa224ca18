"""The turning point of a step: a stage for each loss, and cross-entropy of many short rows at once."""
