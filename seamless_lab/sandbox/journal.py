"""The record of every request, detailed enough to prove that no bar was asked for twice."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class RequestRecord:
    """One request, in order of arrival.

    `window_start` and `window_end` (epoch seconds, half-open) are the stretch that the answer is for: from the first
    slot asked to the last row of a full page, or to the end asked when there were no more rows. The bar still forming
    counts. `rows`, `served_first_ts` and `served_last_ts` are what went over the wire, after any fault of rows (None
    when no rows arrived whole); times of bars are open times. `status` is 0 for an answer that never came. `fault`
    names the planted fault; `subject` is the variable part of the path.
    """

    n: int
    t_ms: int
    family: str
    route: str
    subject: str
    params: dict[str, str] = field(default_factory=dict)
    status: int = 0
    fault: str | None = None
    window_start: int | None = None
    window_end: int | None = None
    served_first_ts: int | None = None
    served_last_ts: int | None = None
    rows: int | None = None
    weight: int = 0


class Journal:
    """Requests since the start or the last `clear`; numbering goes on over a clear."""

    def __init__(self) -> None:
        self._records: list[RequestRecord] = []
        self._next = 1

    def open(self, t_ms: int, family: str, route: str, subject: str, params: dict[str, str]) -> RequestRecord:
        """A new record, kept from now on; the caller fills it in as the request proceeds."""
        record = RequestRecord(self._next, t_ms, family, route, subject, params)
        self._next += 1
        self._records.append(record)
        return record

    def records(self) -> list[RequestRecord]:
        """All records so far."""
        return list(self._records)

    def clear(self) -> None:
        """Forget the records."""
        self._records = []
