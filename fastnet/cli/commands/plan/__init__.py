"""`fastnet plan`."""
