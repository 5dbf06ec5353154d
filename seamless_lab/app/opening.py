"""Opening the lab that a command line asks for, and keeping a sandbox's bars apart from real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from seamless_lab.app.command import Place
from seamless_lab.app.home import is_marked
from seamless_lab.app.secret import bare_url
from seamless_lab.core.numbers import as_written, seen
from seamless_lab.errors import RequestError

if TYPE_CHECKING:
    from seamless_lab.app.lab import Lab
    from seamless_lab.app.wiring import Wiring

_AS_PRINTED = "Write it as seamless sandbox prints it: http://127.0.0.1:PORT."


def open_lab(place: Place) -> Lab:
    """The lab at a place. Its results name none: a front end gives them that of the line that asked.

    Raises
    ------
    RequestError
        For an exchange URL that is none, or that would mix its bars with real ones.
    ConfigError
        For anything wrong in the configuration.
    """
    from seamless_lab.app.lab import Lab

    lab = Lab(place.home, config=place.config, exchange_url=place.exchange_url)
    lab.place = ""
    return lab


def keep_apart(wiring: Wiring, url: str) -> None:
    """Make the home a sandbox's once its exchange at `url` is asked, unless it holds real bars.

    Raises
    ------
    RequestError
        If it holds real bars.
    """
    from seamless_lab.app.inspect import nodes

    home = wiring.home.root
    wiring.sandbox_url = url
    # A hot store that is not there holds nothing, and asking it would make one in a home that may only be named.
    if (
        home.is_dir()
        and not is_marked(home)
        and any(nodes(wiring) if wiring.home.hot.exists() else wiring.sealed.nodes())
    ):
        raise RequestError(
            f"The home {home} holds real bars, and those of a sandbox exchange would mix with them.",
            hint="Leave the exchange's URL out, or name another home, such as ./sandbox-home.",
            home=str(home),
        )


def stood_in(url: str, *, own_home: bool) -> dict[str, object]:
    """Settings that send every exchange the sandbox knows to `url`; imports ccxt.

    Raises
    ------
    RequestError
        For what is no URL, or without a home of its own.
    """
    written = as_written(url)
    bare = bare_url(written)
    try:
        parts = urlsplit(written)
    except ValueError:  # of a host in brackets that is no address
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc or len(written.split()) > 1:
        raise RequestError(
            f"The exchange's URL {seen(url if bare == written else bare)} is no URL.",
            hint=_AS_PRINTED,
            url=bare,
        )
    if {"?", "#"} & set(written):
        raise RequestError(
            f"The exchange's URL {bare!r} has a query or a fragment behind it, where the exchange's paths belong.",
            hint=_AS_PRINTED,
            url=bare,
        )
    if not own_home:
        raise RequestError(
            "An exchange's URL without a home would mix a sandbox's bars with real ones.",
            hint='Add a home of its own, such as --home ./sandbox-home (home="./sandbox-home").',
            url=bare,
        )
    return Place(exchange_url=url).stand_in()
