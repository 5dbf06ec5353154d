"""Every error a user can meet, grouped by what the caller should do about it.

An error says what happened, the value seen, what is allowed, and one action (`hint`). The same facts are kept as
attributes in `facts`, so that front ends print them and programs read them without parsing the message.
"""

from __future__ import annotations

Fact = str | int | float | bool | None


class SeamlessError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    message
        One sentence: what happened, with the value seen and the values allowed.
    hint
        One action that helps, as a sentence or a command line. Empty when there is none.
    facts
        The same facts by name, JSON scalars only.
    """

    code = "E-SEAMLESS"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", **facts: Fact) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts
        self.rehint(hint)

    def rehint(self, hint: str) -> None:
        """Give another hint, also in the notes that Python shows below the message."""
        self.hint = hint
        self.__notes__ = [f"hint: {hint}"] if hint else []


# -- fix the request ---------------------------------------------------------------------------------------------


class RequestError(SeamlessError):
    """The request cannot be carried out as written; nothing was done."""

    code = "E-REQUEST"
    exit_code = 2


class InvalidTime(RequestError):
    """A time, duration or window that cannot be read, or that is empty."""

    code = "E-TIME"


class InvalidNode(RequestError):
    """A node id that does not follow `kind:exchange:symbol[:timeframe]`."""

    code = "E-NODE"


class InvalidReference(RequestError):
    """A reference `NODE@SELECTOR` that cannot be read or is ambiguous."""

    code = "E-REF"


class InvalidSql(RequestError):
    """A query that the engine cannot read, bind or compute; `line` and `column` say where, when it is known."""

    code = "E-SQL"


class NotAvailableYet(RequestError):
    """A documented feature that this version does not have."""

    code = "E-NOT-YET"


# -- fix the configuration ---------------------------------------------------------------------------------------


class ConfigError(SeamlessError):
    """The configuration is wrong or names something that is not there."""

    code = "E-CONFIG"
    exit_code = 2


# -- the source or a service --------------------------------------------------------------------------------------


class SourceUnavailable(SeamlessError):
    """The source did not answer this time; asking again later may succeed.

    `retry_after_s` is what the source asked for, or None.
    """

    code = "E-SOURCE-DOWN"

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None, **facts: Fact) -> None:
        super().__init__(message, hint=hint, retry_after_s=retry_after_s, **facts)
        self.retry_after_s = retry_after_s


class SourceRejected(SeamlessError):
    """The source understood and said no; asking again the same way cannot succeed."""

    code = "E-SOURCE-NO"


class UnknownMarket(SourceRejected):
    """The exchange has no such symbol or timeframe; near matches are in the hint."""

    code = "E-MARKET"
    exit_code = 2


class CoordinatorUnavailable(SeamlessError):
    """The lease service cannot be asked: "down", which is not "taken"."""

    code = "E-COORDINATOR"


class LeaseLost(SeamlessError):
    """A write came after its lease had expired and been given to another; nothing was written."""

    code = "E-LEASE"


class StoreBusy(SeamlessError):
    """A store stayed locked by other processes for longer than its timeout."""

    code = "E-BUSY"


class StoreUnavailable(SeamlessError):
    """A store cannot be read or written now: disk full, input/output error, service down."""

    code = "E-STORE"


# -- policy says no -----------------------------------------------------------------------------------------------


class PolicyError(SeamlessError):
    """The data exist or could be had, but the declared policy refuses."""

    code = "E-POLICY"


class SeamlessSLAExceeded(PolicyError):
    """A phase of the request used up its budget; `phase`, `budget_ms` and `elapsed_ms` say which and by how much.

    `during` is the phase in which it ran out, which for the total is another one; empty where no time ran out.
    """

    code = "E-SLA"

    def __init__(
        self, message: str, *, phase: str, budget_ms: int, elapsed_ms: int, during: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint, phase=phase, during=during, budget_ms=budget_ms, elapsed_ms=elapsed_ms)
        self.phase = phase
        self.during = during
        self.budget_ms = budget_ms
        self.elapsed_ms = elapsed_ms


class GapsRefused(PolicyError):
    """FAIL_FAST met slots that are missing or failed."""

    code = "E-GAPS"


class NotSealed(PolicyError):
    """A sealed domain was asked for data that no commit holds at the version wanted."""

    code = "E-NOT-SEALED"


class LookAhead(PolicyError):
    """A strategy used the future: a bar's position changed when later bars were taken away."""

    code = "E-LOOK-AHEAD"


class NotRepeatable(PolicyError):
    """A computation gave two answers to the same bars."""

    code = "E-REPEAT"


class SqlRefused(PolicyError):
    """A query that reaches for anything but the pinned bars, or whose answer would change by itself."""

    code = "E-SQL-REFUSED"


class SqlLimit(PolicyError):
    """A query that took more time or memory than it was given."""

    code = "E-SQL-LIMIT"


class ConformancePipelineError(PolicyError):
    """A conformance report carries a flag that the policy blocks; `flags` in `facts` lists them with counts."""

    code = "E-CONFORMANCE"


class AsOfRegressed(PolicyError):
    """A world session was offered an `as_of` older than one it has already seen."""

    code = "E-AS-OF"


class ClockSkew(PolicyError):
    """The local clock is too far behind the newest commit to publish after it."""

    code = "E-CLOCK"


# -- look at the data -----------------------------------------------------------------------------------------------


class DataError(SeamlessError):
    """Stored or received data are not what they must be."""

    code = "E-DATA"


class NotFound(DataError):
    """No such dataset, version or object in this store."""

    code = "E-NOT-FOUND"


class Corrupted(DataError):
    """Bytes do not match their digest; `path` and both digests are in `facts`."""

    code = "E-CORRUPT"


class Missing(Corrupted):
    """A file that a version consists of is not there: nothing can be read, and nothing that is there is wrong."""


class Interrupted(SeamlessError):
    """The user stopped the work; what was acknowledged is kept."""

    code = "E-STOP"
    exit_code = 130
