"""A training step: its stages, who takes which and when, and what a call makes ready for that."""
