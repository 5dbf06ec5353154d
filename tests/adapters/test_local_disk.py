"""Which paths are on a network file system."""

from pathlib import Path

import pytest

from seamless_lab.adapters.local_disk import network_filesystem

MOUNTS = r"""
/dev/vda / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
filer:/home /mnt/home nfs4 rw,vers=4.2 0 0
//server/share /mnt/my\040share cifs rw 0 0
host:/x /mnt/home/someone/far fuse.sshfs rw 0 0
tmpfs /mnt/home/fast tmpfs rw 0 0
overlay /mnt/layers fuse.fuse-overlayfs rw 0 0
/dev/sdb /mnt/disk fuseblk rw 0 0
C: /mnt/c 9p rw 0 0
/dev/sdc /mnt/twice ext4 rw 0 0
filer:/twice /mnt/twice nfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    "path, kind",
    [
        ("/mnt/home/someone", "nfs4"),
        ("/mnt/home/not/there/yet", "nfs4"),
        ("/mnt/my share/x", "cifs"),
        ("/mnt/home/someone/far/away", "fuse.sshfs"),
        ("/mnt/c/Users", "9p"),
        ("/mnt/twice", "nfs"),
        ("/mnt/homestead", None),
        ("/mnt/home/fast", None),
        ("/mnt/layers/x", None),
        ("/mnt/disk", None),
        ("/", None),
    ],
)
def test_the_innermost_mount_decides(path: str, kind: str | None) -> None:
    assert network_filesystem(Path(path), mounts=MOUNTS) == kind


def test_a_link_counts_as_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    mounts = f"/dev/vda / ext4 rw 0 0\nfiler:/x {tmp_path.resolve()}/far nfs rw 0 0"
    assert network_filesystem(tmp_path / "near" / "new" / "hot.db", mounts=mounts) == "nfs"
    assert network_filesystem(tmp_path / "new", mounts=mounts) is None


def test_this_machine_can_be_asked(tmp_path: Path) -> None:
    assert network_filesystem(tmp_path, mounts="") is None
    network_filesystem(tmp_path)
