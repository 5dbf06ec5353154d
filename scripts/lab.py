"""Run JupyterLab on `notebooks/` with the sandbox exchange beside it; both end together."""

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
STARTS_WITHIN_S = 2  # a taken port or a missing command shows by then
STOPS_WITHIN_S = 5


def main() -> int:
    """Return JupyterLab's exit code; the exchange is stopped however JupyterLab ends."""
    notebooks = ROOT / "notebooks"
    notebooks.mkdir(exist_ok=True)
    # Its own session, because Ctrl-C belongs to JupyterLab, which asks before it stops.
    exchange = subprocess.Popen([BIN / "seamless", "sandbox"], stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        if ends_within(exchange, STARTS_WITHIN_S):
            print("lab: the sandbox exchange did not start; its own message is above", file=sys.stderr)
            return 1
        lab = subprocess.Popen([BIN / "jupyter", "lab", f"--notebook-dir={notebooks}", *sys.argv[1:]])
        signal.signal(signal.SIGINT, lambda *_: None)
        for stop in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(stop, lambda *_: lab.terminate())
        return lab.wait()
    finally:
        exchange.terminate()
        if not ends_within(exchange, STOPS_WITHIN_S):
            exchange.kill()


def ends_within(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Return whether the process ended in that time."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
