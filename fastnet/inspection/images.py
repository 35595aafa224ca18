"""Samples and weights as pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

IMAGE_SHAPES = "(height, width), or (height, width, 1 or 3 channels)"


def is_image(image_shape: Sequence[int] | None) -> bool:
    """Tell whether inputs of this shape can be drawn as a picture."""
    if image_shape is None:
        return False
    return len(image_shape) == 2 or (len(image_shape) == 3 and image_shape[2] in (1, 3))


def picture_shape(image_shape: Sequence[int], n_features: int) -> tuple[int, ...]:
    """Return (height, width) or (height, width, 3); ValueError if that is not what `n_features` make."""
    shape = tuple(int(size) for size in image_shape)
    if not is_image(shape) or min(shape) < 1:
        raise ValueError(f"image_shape must be {IMAGE_SHAPES}, got {shape}")
    if math.prod(shape) != n_features:
        raise ValueError(f"image_shape {shape} must hold {n_features} features, it holds {math.prod(shape)}")
    return shape[:2] if shape[2:] == (1,) else shape


def feature_rows(X: npt.ArrayLike) -> Array:
    """Return samples as a matrix, a row for each; images may come unflattened."""
    values = np.asarray(X)
    if values.ndim < 2 or values.dtype.kind not in "biuf":
        raise ValueError(f"X must hold numbers of shape (n_samples, n_features), got {values.shape} of {values.dtype}")
    return values.reshape(len(values), math.prod(values.shape[1:]))


def as_images(X: Array, image_shape: Sequence[int]) -> Array:
    """Return rows as images with values from 0 to 1, the least and the greatest of all of them."""
    shape = picture_shape(image_shape, X.shape[1])
    values = X.astype(np.float64).reshape(len(X), *shape)
    if not values.size:
        return values
    low, high = float(values.min()), float(values.max())
    scaled: Array = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return scaled


def as_weight_images(W: Array, image_shape: Sequence[int]) -> Array:
    """Return the weights of each unit, columns of W, as an image of values from -1 to 1; channels are averaged."""
    shape = picture_shape(image_shape, W.shape[0])
    images = W.T.astype(np.float64).reshape(W.shape[1], *shape)
    images = images.mean(axis=3) if len(shape) == 3 else images
    limit = np.abs(images).max(axis=(1, 2), keepdims=True, initial=0.0)
    scaled: Array = images / np.where(limit > 0, limit, 1.0)
    return scaled
