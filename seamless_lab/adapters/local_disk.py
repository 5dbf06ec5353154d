"""Is a folder on this machine's own disk? SQLite's log shares memory between processes; network file systems cannot."""

from __future__ import annotations

import re
from pathlib import Path

_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|afs|ceph|glusterfs|lustre|gpfs|beegfs|orangefs|ncpfs|9p|virtiofs|vboxsf|prl_fs|drvfs|davfs\w*|fuse\..+"
)
_LOCAL_FUSE = {
    "fuse.fuse-overlayfs",
    "fuse.mergerfs",
    "fuse.gocryptfs",
    "fuse.encfs",
    "fuse.ntfs-3g",
    "fuse.exfat",
    "fuse.bindfs",
}
_MOUNTS = Path("/proc/self/mounts")


def network_filesystem(path: Path, *, mounts: str | None = None) -> str | None:
    """The type of network file system that `path` is on (`nfs4`, `cifs`, `fuse.sshfs`, ...), or None for a local disk.

    Parameters
    ----------
    path
        Need not exist; links on the way are followed.
    mounts
        The mount table, as in Linux's `/proc/self/mounts`; read from there by default. Where there is none, every
        path counts as local.
    """
    table = mounts if mounts is not None else _MOUNTS.read_text(errors="replace") if _MOUNTS.exists() else ""
    kind = _filesystem(str(path.expanduser().resolve()), table)
    return kind if _NETWORK.fullmatch(kind) and kind not in _LOCAL_FUSE else None


def _filesystem(path: str, table: str) -> str:
    found = "", ""
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1])
        inside = path == mount or path.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(found[0]):  # of mounts over one another the last wins
            found = mount, fields[2]
    return found[1]
