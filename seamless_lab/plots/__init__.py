"""Pictures of values: pure functions from frames to plotly figures that also carry a still picture of themselves.

Needs plotly (the `notebook` extra), which is loaded with the first figure.
"""

from __future__ import annotations

from seamless_lab.plots.charts import bars, equity, restated

__all__ = ["bars", "equity", "restated"]
