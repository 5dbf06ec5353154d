"""One world for every test: an empty home, no settings from outside, an odd time zone, no network beyond loopback."""

import ipaddress
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from seamless_lab.app.reads import CURRENT_CELL, NO_CELL

# Health checks measure wall time, which says nothing on a busy machine; examples are few in `make test`, many in soak.
settings.register_profile(
    "test",
    max_examples=60,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("soak", settings.get_profile("test"), max_examples=2_000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))

# A shell starts what it runs in the background with Ctrl-C ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

HOME = Path(tempfile.mkdtemp(prefix="seamless-tests-"))
OUR_VARIABLES = ("SEAMLESS_", "QMTL_")
THEIR_VARIABLES = ("JUPYTER", "IPYTHON", "POLARS_", "AWS_", "REDIS_")
FOLDERS = {
    "HOME": "",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
    "XDG_RUNTIME_DIR": "run",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "jupyter",
    "JUPYTER_RUNTIME_DIR": "jupyter-run",
}


def pytest_configure() -> None:
    """Replace the environment before anything of the package is imported; child processes inherit it."""
    for name in list(os.environ):
        if name.startswith(OUR_VARIABLES + THEIR_VARIABLES) or name.lower().endswith("_proxy"):
            del os.environ[name]
    for name, folder in FOLDERS.items():
        (HOME / folder).mkdir(exist_ok=True, mode=0o700)
        os.environ[name] = str(HOME / folder)
    os.environ["TZ"] = "Asia/Kathmandu"  # +05:45: neither whole hours nor daylight saving hide a mistake
    time.tzset()
    sys.addaudithook(_stay_on_loopback)


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


class OutsideNetworkError(AssertionError):
    """A test tried to leave this machine. No OSError, so that no retry takes it for a bad line."""


_attempts: list[str] = []


def _stay_on_loopback(event: str, args: tuple[object, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = args[1]
        host = address[0] if isinstance(address, tuple) and address else None  # a str or bytes is a Unix socket
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if isinstance(host, bytes):
        host = host.decode()
    if isinstance(host, str) and not _is_local(host, may_be_any_number=event == "socket.getaddrinfo"):
        _attempts.append(f"{event} {host}")
        raise OutsideNetworkError(f"tests stay on loopback, this one went for {host!r} ({event})")


def _is_local(host: str, *, may_be_any_number: bool) -> bool:
    if host in {"", "localhost", socket.gethostname()}:
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return may_be_any_number or address.is_loopback or address.is_unspecified


@pytest.fixture(autouse=True, scope="session")
def outside_of_the_repository() -> None:
    """Work in an empty folder: the repository has a lockfile of its own, which would be every lab's project."""
    folder = HOME / "cwd"
    folder.mkdir(exist_ok=True)
    os.chdir(folder)


@pytest.fixture(autouse=True)
def outside_of_cells() -> None:
    """Begin outside of any notebook's cell, also after a test that left a notebook's extension loaded."""
    CURRENT_CELL.set(NO_CELL)


@pytest.fixture(autouse=True)
def outside_attempts() -> Iterator[list[str]]:
    """Fail the test whose code reached out, also where a background task swallowed the refusal."""
    _attempts.clear()
    yield _attempts
    assert not _attempts, f"reached out: {_attempts}"
