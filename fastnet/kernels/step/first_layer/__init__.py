"""First layers: dense, of few outputs, of sparse inputs, or of inputs with trainable factors, behind one interface."""
