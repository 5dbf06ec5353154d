"""Readers of one cache that is evicted, deleted and damaged under them: every frame is exact, nobody dies."""

import random
from contextlib import suppress
from pathlib import Path

from tests.campaigns.reading import read_windows
from tests.engine.artifacts.making import PROCESSES, candidate, days, open_store

ROUNDS = 8


def test_readers_survive_whatever_happens_to_the_cache(tmp_path: Path) -> None:
    root, cache = tmp_path / "store", tmp_path / "cache"
    open_store(root).publish(candidate(days(0, 69)))
    pipes, readers = [], []
    for seed in range(3):
        mine, theirs = PROCESSES.Pipe(duplex=False)
        reader = PROCESSES.Process(target=read_windows, args=(str(root), str(cache), seed, ROUNDS, theirs))
        reader.start()
        theirs.close()
        pipes.append(mine)
        readers.append(reader)
    chance = random.Random(9)
    while not all(pipe.poll(0.02) for pipe in pipes):
        for path in list(cache.glob("*")) if cache.exists() else []:
            with suppress(FileNotFoundError):
                match chance.randrange(12):
                    case 0:
                        path.unlink()
                    case 1 if path.suffix == ".arrow":  # replaced, never rewritten in place
                        (tmp_path / "damaged").write_bytes(path.read_bytes()[: chance.randrange(1, 2_000_000)])
                        (tmp_path / "damaged").rename(path)
                    case 2 if path.suffix == ".ok":
                        (tmp_path / "damaged").write_bytes(b"1 2 x")
                        (tmp_path / "damaged").rename(path)
    assert [pipe.recv() for pipe in pipes] == [ROUNDS] * 3
    for reader in readers:
        reader.join(60)
        assert reader.exitcode == 0
