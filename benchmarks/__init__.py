"""What the project costs, measured against floors and the field's tools: `make bench`, or `python -m benchmarks`.

Every row runs ours, a floor (the same work with nothing around it) and the peers in interleaved rounds on one machine,
and keeps the fastest round of each. Goals are ratios within a run, so that they mean the same on another machine.
"""
