"""Commands as a terminal runs them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from seamless_lab.cli import main

NODE = "ohlcv:binance:BTC/USDT:1h"
MARCH = ["--start", "2024-03-01", "--end", "2024-03-08"]
KEYS = {
    "node", "start", "end", "rows", "content", "fingerprint", "seq", "as_of", "domain", "world", "strategy", "coverage",
    "flags", "sources", "verdict", "reasons", "timings_ms",
}  # fmt: skip
PATIENCE_S = 60


@dataclass
class Terminal:
    """Runs commands in this process, on one home."""

    common: list[str]
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> tuple[int, str, str]:
        code = main([*words, *self.common])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def json(self, *words: str) -> tuple[int, dict[str, object]]:
        code, out, _ = self(*words, "--json")
        found = json.loads(out)
        assert isinstance(found, dict)
        return code, found
