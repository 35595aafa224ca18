"""Tables of numbers, categories and gaps on the command line: read to train on, and to try models on."""
