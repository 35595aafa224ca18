"""Tables of numbers, categories and gaps: what their columns are, and how they become inputs of a network."""
