"""Names of a store's objects, and the checksum that every JSON document of it carries.

A document is canonical JSON whose last key, `sha256`, is the digest of its path in the store, a line feed and the
document without that key. Trees and packs are named by digests of what they list by digest; the checksum covers the
rest (rows, answered slots, evidence), so that any flipped byte is found in its own file.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from string import hexdigits

from seamless_lab.core.identity import NodeId
from seamless_lab.errors import Corrupted

_OPENING, _CLOSING = b',"sha256":"', b'"}'
_SEAL_BYTES = len(_OPENING) + 64 + len(_CLOSING)


@lru_cache(maxsize=16_384)
def folder(node: NodeId) -> str:
    """Where a node's objects are."""
    return node.path


def commit_path(node: NodeId, seq: int) -> str:
    """Where a commit is; `seq` counts from 1."""
    return f"{folder(node)}/commits/{seq:010d}.json"


def tree_path(node: NodeId, digest: str) -> str:
    """Where a tree (by fingerprint) or a pack (by digest) is."""
    return f"{folder(node)}/trees/{digest}.json"


def data_path(node: NodeId, digest: str) -> str:
    """Where the rows of a pack or a leaf are."""
    return f"{folder(node)}/data/{digest}.parquet"


def with_checksum(path: str, body: bytes) -> bytes:
    """A canonical JSON object with its checksum as the last key, to be stored at `path`."""
    return body[:-1] + _OPENING + checksum(path, body).encode() + _CLOSING


def checksum(path: str, body: bytes) -> str:
    """The checksum of a document (without it) at a path; of a commit, what its successor calls `previous`."""
    return hashlib.sha256(path.encode() + b"\n" + body).hexdigest()


def carried_checksum(data: bytes) -> str:
    """The checksum that a document carries, right or wrong."""
    return data[-_SEAL_BYTES + len(_OPENING) : -len(_CLOSING)].decode("ascii", "replace")


def without_checksum(path: str, data: bytes) -> bytes:
    """The document in `data` without its checksum, which was right.

    Raises
    ------
    Corrupted
        If it was wrong or absent.
    """
    body = data[:-_SEAL_BYTES] + b"}"
    if with_checksum(path, body) != data:
        carried = carried_checksum(data)
        raise Corrupted(
            f"{path} does not match its checksum.",
            hint="Run verify to see what else is damaged, then restore the file from a copy.",
            path=path,
            expected=None if carried.strip(hexdigits) else carried,  # what was cut off carries none
            found=checksum(path, body),
        )
    return body
