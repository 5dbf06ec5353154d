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
        return subprocess.run(
            [BIN / "jupyter", "lab", f"--notebook-dir={notebooks}", *sys.argv[1:]], check=False
        ).returncode
    except KeyboardInterrupt:  # the terminal sent it to JupyterLab as well, which has said its own goodbye
        return 130
    finally:
        exchange.terminate()
        try:
            exchange.wait(timeout=5)
        except subprocess.TimeoutExpired:
            exchange.kill()


if __name__ == "__main__":
    sys.exit(main())
