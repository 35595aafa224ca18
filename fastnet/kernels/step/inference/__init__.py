"""Inference: in blocks of rows that threads claim, layer by layer, and of a few rows."""
