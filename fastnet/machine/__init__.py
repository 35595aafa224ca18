"""What the machine offers to this process: processors, quotas and threads."""
