"""Pictures in a report: the bytes of PNG files, and what the colours say."""

import struct
import zlib

import numpy as np
import pytest

from fastnet.inspection.images import as_images
from fastnet.report.pictures import ink, png, signed


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_files_hold_the_pixels(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8)
    data, found = png(pixels), {}
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        found[kind], at = body, at + 12 + length
    assert struct.unpack(">IIBBBBB", found[b"IHDR"]) == (7, 5, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(5, -1)
    assert not rows[:, 0].any()
    np.testing.assert_array_equal(rows[:, 1:].reshape(pixels.shape), pixels)
    assert list(found) == [b"IHDR", b"IDAT", b"IEND"]


def test_images_are_dark_where_values_are_large_and_colours_stay_colours():
    images = as_images(np.array([[2.0, 3.0], [4.0, 2.0]]), (1, 2))
    np.testing.assert_array_equal(images, [[[0, 0.5]], [[1, 0]]])
    np.testing.assert_array_equal(ink(images[1]), [[0, 255]])
    np.testing.assert_array_equal(ink(np.array([[[0.0, 0.5, 1.0]]])), [[[0, 128, 255]]])


def test_signed_values_are_red_or_blue_and_nothing_is_transparent():
    pixels = signed(np.array([[-1.0, 0.0, 0.5]]))
    assert pixels[0, :, 3].tolist() == [255, 0, 128]
    assert pixels[0, 0, 2] > pixels[0, 0, 0]
    assert pixels[0, 2, 0] > pixels[0, 2, 2]
