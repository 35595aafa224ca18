"""Tables of numbers, categories and gaps: what their columns are, and how they become inputs of a network."""

from fastnet.tables.columns import TableColumns
from fastnet.tables.encoding import TableEncoding

__all__ = ["TableColumns", "TableEncoding"]
