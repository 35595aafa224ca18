"""What is done to features before a network sees them, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastnet.preprocessing import Preprocessing

WORDS = {
    "standardize": "standardised: each feature has mean 0 and standard deviation 1 (--preprocess standardize)",
    "minmax": "each feature scaled to the range from 0 to 1 (--preprocess minmax)",
}


def described(preprocess: str | None, input_scale: float, preprocessing: Preprocessing | None) -> str:
    """Say what is done to features; `preprocess` is the option's value, None where it is not known."""
    if preprocessing is not None:
        return WORDS.get(preprocess or "", "each feature shifted and scaled")
    if input_scale == 1.0:
        return "as they are"
    divisor = 1 / input_scale
    return f"divided by {round(divisor) if abs(divisor - round(divisor)) < 1e-6 * divisor else f'{divisor:.6g}'}"
