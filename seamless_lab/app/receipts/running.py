"""Which notebook a receipt has run again, and what comes of it against the receipt."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from shlex import quote

from seamless_lab.app.home import Home
from seamless_lab.app.notebooks.show import DIGITS, short_ref
from seamless_lab.app.receipts.receipt import Receipt
from seamless_lab.errors import RequestError


def notebook_to_run(receipt: Receipt, path: Path, named: Path | None, home: Home) -> Path:
    """The notebook that is run: the one that the user names, else the receipt's, where that lies beside it.

    Whoever writes a receipt writes its path and its digest, so that neither says that the user wants to run it.

    Raises
    ------
    RequestError
        If there is none, or the receipt's lies outside both of the folder of the receipt and of the project, or has a
        name that no file can have.
    """
    place = named or receipt.notebook_path
    if receipt.notebook is None or place is None:
        raise RequestError(
            f"{path} is of no notebook, so there is nothing to run.",
            hint="Leave --run out; or name the notebook with --notebook, if the receipt has one.",
        )
    if named is not None:
        return place
    try:
        real = place.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a link to itself, or a name with a zero in it
        raise RequestError(
            f"{path} names a notebook that no path leads to: {error}.",
            hint=f"Name it: seamless verify {quote(str(path))} --run --notebook NOTEBOOK.ipynb",
            path=str(path),
        ) from error
    folders = [path.resolve().parent]
    if home.project is not None:
        folders.append(home.project.resolve())
    if not any(real.is_relative_to(folder) for folder in folders):
        outside = " and ".join(dict.fromkeys(map(str, folders)))
        raise RequestError(
            f"{path} names the notebook {real}, which is not in {outside}; nothing was run.",
            hint=f"Read it first. To run it: seamless verify {quote(str(path))} --run --notebook {quote(str(real))}",
            path=str(path),
            notebook=str(real),
        )
    return place


_Asked = tuple[str, str, str]


def differences(receipt: Receipt, rerun: Receipt) -> tuple[str, ...]:
    """What the run read and made otherwise, in sentences; one reference may have been read twice, with other bars."""
    before, after = (_contents(one) for one in (receipt, rerun))
    said = [
        f"{short_ref(key[0])} {key[2]} {change}"
        for key in {**before, **after}
        for change in _changes(before.get(key, set()), after.get(key, set()))
    ]
    made, again = ({(each.kind, each.digest): None for each in one.results} for one in (receipt, rerun))
    said += [f"{kind} {digest[:DIGITS]} does not come out" for kind, digest in made if (kind, digest) not in again]
    said += [f"{kind} {digest[:DIGITS]} comes out instead" for kind, digest in again if (kind, digest) not in made]
    return tuple(said)


def _contents(receipt: Receipt) -> dict[_Asked, set[str]]:
    """All contents that were read of what was asked for."""
    found: dict[_Asked, set[str]] = {}
    for each in receipt.inputs:
        asked = (each.read.written, str(each.read.node), str(each.read.window))
        found.setdefault(asked, set()).add(each.read.content)
    return found


def _changes(before: Collection[str], after: Collection[str]) -> Iterator[str]:
    gone, new = (sorted(set(one) - set(other)) for one, other in ((before, after), (after, before)))
    if not after:
        yield "is not read"
    elif not before:
        yield "is read too"
    elif len(gone) == len(new) == 1:
        yield f"has the content {new[0][:DIGITS]} instead of {gone[0][:DIGITS]}"
    else:
        yield from (f"is not read with the content {content[:DIGITS]}" for content in gone)
        yield from (f"is read with the content {content[:DIGITS]} too" for content in new)
