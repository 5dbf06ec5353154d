"""The sealed store: versions of series as commits, trees and segments in an object store. Synchronous, thread-safe."""
