"""Run JupyterLab on `notebooks/` with the sandbox exchange beside it; both end together."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"


def main() -> int:
    """Return JupyterLab's exit code; the exchange is stopped however JupyterLab ends."""
    notebooks = ROOT / "notebooks"
    notebooks.mkdir(exist_ok=True)
    exchange = subprocess.Popen([BIN / "seamless", "sandbox"], stdin=subprocess.DEVNULL)
    try:
        if died_at_once(exchange):
            print("lab: the sandbox exchange did not start; its own message is above", file=sys.stderr)
            return 1
        lab = [BIN / "jupyter", "lab", f"--notebook-dir={notebooks}", *sys.argv[1:]]
        return subprocess.run(lab, check=False).returncode
    except KeyboardInterrupt:  # the terminal sent it to JupyterLab as well, which has said its own goodbye
        return 130
    finally:
        exchange.terminate()
        try:
            exchange.wait(timeout=5)
        except subprocess.TimeoutExpired:
            exchange.kill()


def died_at_once(process: "subprocess.Popen[bytes]") -> bool:
    """Return whether the process ended within two seconds, as one does whose port is taken."""
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
