"""Tables: how wrong the predictions of several libraries are, and how long their fits take."""
