"""The rows, by subject. Importing a module registers its rows, in the order in which the table shows them."""

from benchmarks.rows import reading, sealing, values, sources, hot, research, querying, interactive  # noqa: F401, I001  # the table's order
