"""First layers that are not dense: of few outputs, or of sparse inputs."""
