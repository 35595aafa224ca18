"""First layers: dense, of few outputs, or of sparse inputs, behind one interface."""
