"""What a call makes ready: the stages that it needs, compiled or loaded, and the memory and state of its team."""
