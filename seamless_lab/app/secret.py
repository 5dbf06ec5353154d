"""Secrets: values that show themselves masked wherever they are printed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

MASK = "***"

# ccxt's credential fields (its `requiredCredentials`), and the words under which others keep theirs.
_SECRET_NAME = re.compile(
    r"api.?key|secret|passw|passphrase|^pass$|token|private.?key|credential|authorization|cookie|two.?fa|^uid$|^login$"
    r"|account.?id|wallet|mnemonic|signature",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/@\s]*@")
# An @ anywhere else may be the end of a password with such a character in it.
_BARE = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)?(?:[^/?#]*@)?(?P<place>[^?#@]*)(?:[?#][^@]*)?")
_QUERY = re.compile(r"(?P<head>[?&;](?P<name>[^=&;#\s]+)=)[^&;#\s]*")


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """Text that `repr`, `str` and formatting show masked; `reveal` gives it, at the place where it is used.

    Of a URL only the credentials are masked, so that logs still say which server is meant.
    """

    _text: str

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    @property
    def shown(self) -> str:
        """What may be printed."""
        return redact_url(self._text) if "://" in self._text else MASK

    def __repr__(self) -> str:
        return f"Secret({self.shown!r})"

    def __str__(self) -> str:
        return self.shown


def redact_url(text: str) -> str:
    """A URL, or text with URLs in it, without user, password and secret query values."""
    if "://" not in text:
        return text
    bare = _USER_INFO.sub(lambda found: f"{found['scheme']}{MASK}@", text)
    return _QUERY.sub(lambda found: f"{found['head']}{MASK}" if is_secret_name(found["name"]) else found[0], bare)


def bare_url(text: str) -> str:
    """A URL without what may hold a secret: user info, query and fragment; `MASK` where these are unclear."""
    found = _BARE.fullmatch(text)
    return MASK if found is None else f"{found['scheme'] or ''}{found['place']}"


def is_secret_name(name: str) -> bool:
    """Whether the name of an option says that its value is a credential."""
    return _SECRET_NAME.search(name) is not None


def wrap_secrets(value: object, name: str = "") -> object:
    """The same mappings and lists, read-only, with each credential wrapped.

    A credential is known by its name, or by being a URL with a user in it.
    """
    if isinstance(value, Mapping):
        inside = {
            str(key): wrap_secrets(item, name if is_secret_name(name) else str(key)) for key, item in value.items()
        }
        return MappingProxyType(inside)
    if isinstance(value, list | tuple):
        return tuple(wrap_secrets(item, name) for item in value)
    if isinstance(value, str) and value and (is_secret_name(name) or redact_url(value) != value):
        return Secret(value)
    if is_secret_name(name) and isinstance(value, int | float) and not isinstance(value, bool):
        return Secret(str(value))
    return value


def reveal(value: object) -> object:
    """Plain dicts and lists again, credentials in the clear; for the one call that needs them."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [reveal(item) for item in value]
    return value


def show(value: object) -> object:
    """Plain dicts and lists again, credentials masked; JSON-ready."""
    if isinstance(value, Secret):
        return value.shown
    if isinstance(value, Mapping):
        return {key: show(item) for key, item in value.items()}
    if isinstance(value, tuple | frozenset):
        return [show(item) for item in (sorted(value) if isinstance(value, frozenset) else value)]
    return value
