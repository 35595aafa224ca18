"""Many networks at once: trained side by side, each to the very bits that it would have alone."""

from fastnet.fleets.fleet import Fleet

__all__ = ["Fleet"]
