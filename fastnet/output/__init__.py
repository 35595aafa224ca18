"""What fastnet writes: files whole or not at all, JSON, and notices to a person."""
