"""What a training step is made of: the loss of each sample, and the passes through the layers."""
