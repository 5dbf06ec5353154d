"""Opening the lab that a command line asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from seamless_lab.app.command import Place
from seamless_lab.errors import RequestError

if TYPE_CHECKING:
    from seamless_lab.app.lab import Lab


def open_lab(place: Place, environment: Mapping[str, str]) -> Lab:
    """The lab at a place.

    Raises
    ------
    RequestError
        For an exchange URL that is none, or that would mix its bars with real ones.
    ConfigError
        For anything wrong in the configuration.
    """
    if place.exchange_url is not None:
        _check(place.exchange_url, named_home=bool(place.home or environment.get("SEAMLESS_HOME")))
    from seamless_lab.app.lab import Lab

    lab = Lab(place.home, config=place.config, overrides=place.overrides())
    if place.exchange_url is not None:
        _keep_apart(lab)
    return lab


def _keep_apart(lab: Lab) -> None:
    """Make the home a sandbox's once its exchange is asked, unless it holds real bars."""
    from seamless_lab.app.sandbox_home import is_marked

    home = lab.wiring.home.root
    lab.wiring.sandboxed = True
    if home.is_dir() and not is_marked(home) and lab.nodes():
        lab.close()
        raise RequestError(
            f"The home {home} holds real bars, and those of --exchange-url would mix with them.",
            hint="Leave --exchange-url out, or name another home: --home ./sandbox-home.",
            home=str(home),
        )


def _check(url: str, *, named_home: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise RequestError(
            f"--exchange-url {url!r} is no URL.",
            hint="Write it as seamless sandbox prints it: http://127.0.0.1:PORT.",
            url=url,
        )
    if not named_home:
        raise RequestError(
            "--exchange-url without --home would mix a sandbox's bars with real ones.",
            hint="Add --home FOLDER, such as --home ./sandbox-home.",
            url=url,
        )
