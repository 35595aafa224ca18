"""CSV: the header, blocks of lines, numbers, and the table as a whole."""
