"""fastnet: dense neural networks on a CPU."""
