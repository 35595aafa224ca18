"""What a file is that is offered as data or as a model and is neither, by its first bytes."""

from __future__ import annotations

HEAD_BYTES = 512
"""So many bytes of a file are enough to tell."""

LONGEST_HEADER = 100_000_000
"""Bytes of a safetensors header, at most, as its readers have it."""

_BEGINNINGS = {
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself (git lfs pull brings it)",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras and MATLAB 7.3 write",
    b"MATLAB 7.3": "a MATLAB 7.3 file, which is HDF5",
    b"SQLite format 3\0": "a database of SQLite",
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"FEA1": "a Feather file of version 1, not 2",
    b"BZh": "compressed by bzip2, not gzip",
    b"\xfd7zXZ\0": "compressed by xz, not gzip",
    b"\x28\xb5\x2f\xfd": "compressed by Zstandard, not gzip",
    b"7z\xbc\xaf\x27\x1c": "an archive of 7-Zip",
    b"Rar!": "an archive of RAR",
    b"\xd0\xcf\x11\xe0": "a document of an old Office",
}
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--")
_MEMBERS = {
    b"data.pkl": "a file of torch.save, a pickle, which is never loaded (safetensors.torch.save_file writes what is)",
    b"[Content_Types].xml": "a document of Office, such as Excel's",
}


def foreign_kind(head: bytes) -> str | None:
    """Return what a file is whose content begins with `head`; None for what may be data or a model."""
    if not head:
        return "an empty file"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < LONGEST_HEADER:
        return None  # safetensors, whose length may be spelt as other files begin
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_PAGES):
        return "an HTML page, as servers send instead of a file"
    if text.startswith(b"<?xml"):
        return "an XML document, as servers send instead of a file"
    if head[:1] == b"\x80" and head[1:2] in b"\2\3\4\5" and len(head) > 2:
        return "a pickle, which is never loaded"
    if head[257:262] == b"ustar":
        return "a tar archive"
    if head.startswith(b"PK\3\4"):
        return _member(head)
    return next((kind for beginning, kind in _BEGINNINGS.items() if head.startswith(beginning)), None)


def _member(head: bytes) -> str | None:
    """Tell archives apart by the name of their first member; None for one that may be NumPy's."""
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    return next((kind for member, kind in _MEMBERS.items() if name.endswith(member)), None)


def check_kind(head: bytes, where: object, expected: str) -> None:
    """Raise ValueError for a file, `where`, that is of another kind than all that is `expected`."""
    kind = foreign_kind(head[:HEAD_BYTES])
    if kind is not None:
        raise ValueError(f"{where}: is {kind}; expected {expected}")
