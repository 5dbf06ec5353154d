"""Bring `.venv` to what `requirements/dev.txt` and `pyproject.toml` say. Run by every make target; no-op when fresh.

Needs any Python from 3.8 on. `uv` is used where there is one and otherwise installed, pinned and hashed, into
`.cache/uv-venv`; the system's Python is never written to. Safe to interrupt, to repeat and to run twice at once: the
work is done under a file lock, and the stamp that says "fresh" is written last. `SEAMLESS_PYTHON` names the Python.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".seamless-stamp"
CACHE = ROOT / ".cache"
PRIVATE_UV = CACHE / "uv-venv"
LOCK = ROOT / "requirements" / "dev.txt"
SUPPORTED = ">=3.11,<3.14"  # the lock is resolved for these
SETTINGS_OF_OTHERS = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "UV_PYTHON", "UV_PROJECT_ENVIRONMENT")


def main() -> int:
    """Return the exit code: 0 when `.venv` is fresh."""
    if is_fresh():
        return 0
    for name in SETTINGS_OF_OTHERS:
        os.environ.pop(name, None)
    os.environ.setdefault("UV_SYSTEM_CERTS", "1")  # behind a company's proxy only the system knows its certificate
    CACHE.mkdir(exist_ok=True)
    with only_one_setup(CACHE / "setup.lock"):
        if is_fresh():
            return 0
        started = time.monotonic()
        say("setting up .venv (a minute or two the first time)")
        uv = find_uv() or install_uv()
        create_venv(uv)
        # --require-hashes refuses what the lock doesn't list; the project itself is then added without dependencies.
        run([uv, "pip", "install", "-q", "--python", PYTHON, "--require-hashes", "--compile-bytecode", "-r", LOCK])
        run([uv, "pip", "install", "-q", "--python", PYTHON, "--no-deps", "--no-build-isolation", "-e", ROOT])
        STAMP.write_text(wanted())
        say("ready in %.0f s" % (time.monotonic() - started))
    return 0


def wanted():
    """Return the digest of everything that decides what is in `.venv`."""
    digest = hashlib.sha256()
    for path in (LOCK, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(path.read_bytes() + b"\0")
    digest.update(str(ROOT).encode())  # a copied or moved clone holds an editable install of the old place
    return digest.hexdigest()


def is_fresh():
    """Return whether the stamp names today's lock and the interpreter still starts."""
    return STAMP.is_file() and STAMP.read_text() == wanted() and works([PYTHON, "-c", ""])


@contextlib.contextmanager
def only_one_setup(path):
    """Hold an exclusive file lock; the kernel drops it however the process ends."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("waiting for another setup of this clone to finish")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def find_uv():
    """Return a uv that runs (a pyenv shim may exist and not run), or None."""
    for candidate in (shutil.which("uv"), PRIVATE_UV / "bin" / "uv"):
        if candidate and works([candidate, "--version"]):
            return candidate
    return None


def install_uv():
    """Install the pinned uv into a private environment and return its path."""
    say("no uv here: installing a private copy into %s" % PRIVATE_UV.relative_to(ROOT))
    shutil.rmtree(PRIVATE_UV, ignore_errors=True)
    pins = ROOT / "requirements" / "uv.txt"
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r", pins]
    if works([sys.executable, "-m", "venv", PRIVATE_UV]):
        run([PRIVATE_UV / "bin" / "python", "-m", "pip", "install", *options])
    elif works([sys.executable, "-m", "pip", "--version"]):  # a Python without ensurepip, but with pip
        shutil.rmtree(PRIVATE_UV, ignore_errors=True)
        run([sys.executable, "-m", "pip", "install", "--target", PRIVATE_UV, *options])
    else:
        fail(
            "%s can create no virtual environment (it lacks ensurepip) and has no pip. Install one of: "
            "uv; the package python3-venv (Debian, Ubuntu: apt install python3-venv); any other Python 3.11+"
            % sys.executable
        )
    return PRIVATE_UV / "bin" / "uv"


def create_venv(uv):
    """Create `.venv`, unless there is one whose Python is supported."""
    supported = "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"
    if works([PYTHON, "-c", supported]):
        return
    if VENV.exists():
        if any(VENV.iterdir()) and not (VENV / "pyvenv.cfg").exists():
            fail("%s exists and is no virtual environment: move it away" % VENV)
        shutil.rmtree(VENV)
    run([uv, "venv", "-q", "--python", os.environ.get("SEAMLESS_PYTHON", SUPPORTED), VENV])


def works(command):
    """Return whether the command starts and exits with 0."""
    try:
        return subprocess.run([str(word) for word in command], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(command):
    """Run the command or end the setup, its own message being the explanation."""
    words = [str(word) for word in command]
    if subprocess.run(words, cwd=str(ROOT), stdin=subprocess.DEVNULL, check=False).returncode != 0:
        fail("this command failed: " + " ".join(words))


def say(text):
    """Tell the user, on stderr, so that stdout stays the target's own."""
    print("setup: " + text, file=sys.stderr, flush=True)


def fail(text):
    """End the setup with exit code 1."""
    say(text)
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
