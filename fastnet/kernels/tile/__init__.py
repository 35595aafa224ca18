"""The register tile: on operands as they lie or in micro-panels, products of whole arrays, the optimizers' update."""
