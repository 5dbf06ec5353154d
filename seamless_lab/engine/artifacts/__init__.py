"""The sealed store: versions of series as commits, trees and segments in an object store. Synchronous, thread-safe."""

from seamless_lab.engine.artifacts.audit import Audit, Damage
from seamless_lab.engine.artifacts.diff import Counts, Difference
from seamless_lab.engine.artifacts.history import Belief, WindowChange
from seamless_lab.engine.artifacts.merge import Candidate
from seamless_lab.engine.artifacts.publish import Published
from seamless_lab.engine.artifacts.read import Sealed
from seamless_lab.engine.artifacts.restore import Evidence
from seamless_lab.engine.artifacts.segments import NoSegmentCache, SegmentCache, SegmentCodec
from seamless_lab.engine.artifacts.store import SealedStore
from seamless_lab.engine.artifacts.sweep import Swept
from seamless_lab.engine.artifacts.verify import Offender, Verification

__all__ = [
    "Audit",
    "Belief",
    "Candidate",
    "Counts",
    "Damage",
    "Difference",
    "Evidence",
    "NoSegmentCache",
    "Offender",
    "Published",
    "Sealed",
    "SealedStore",
    "SegmentCache",
    "SegmentCodec",
    "Swept",
    "Verification",
    "WindowChange",
]
