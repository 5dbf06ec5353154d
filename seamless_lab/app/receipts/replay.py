"""Running a notebook again in a fresh kernel, and the receipt that comes of it. The file itself is never written."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from seamless_lab.app.commands.parameters import NAMED
from seamless_lab.app.home import Home
from seamless_lab.app.notebooks.journal import REPLAY
from seamless_lab.app.receipts.receipt import Receipt, receipt_from
from seamless_lab.errors import ConfigError, DataError

_MARK = "seamless-receipt:"
_FIRST = "%load_ext seamless_lab"
_LAST = f"import json\nprint({_MARK!r} + json.dumps(get_ipython().run_line_magic('seamless', 'receipt --json')))"


class NotebookFailed(DataError):
    """A notebook that does not run to its end."""

    code = "E-NOTEBOOK"


def replay(path: Path, home: Home) -> Receipt:
    """Run all cells of a notebook in a fresh kernel, in its folder, and ask that kernel for its receipt.

    Parameters
    ----------
    home
        The home of this lab; where somebody named it, the kernel uses it too, else what the notebook's folder says.

    Raises
    ------
    ConfigError
        If nbclient or a kernel is not installed.
    NotebookFailed
        With the cell that fails.
    """
    try:
        import nbformat
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, DeadKernelError
        from traitlets.config import Config
    except ImportError as error:
        raise ConfigError(
            f"Running a notebook again needs {error.name}, which is not installed here.",
            hint="pip install nbclient ipykernel",
        ) from error
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat's has no types
    first, last = (nbformat.v4.new_code_cell(source) for source in (_FIRST, _LAST))  # type: ignore[no-untyped-call]  # nor has this
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []  # an error that is stored there is not one of this run
    notebook.cells = [first, *notebook.cells, last]
    with tempfile.TemporaryDirectory(prefix="seamless-run-") as folder:
        client = NotebookClient(
            notebook,
            config=Config({"KernelManager": _transport(folder)}),
            timeout=None,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.resolve().parent)}},
        )
        try:
            client.execute(env=_environment(path, home))
        except NoSuchKernel as error:
            raise ConfigError("There is no Python kernel here to run it.", hint="pip install ipykernel") from error
        except CellExecutionError as error:
            number = max(at for at, cell in enumerate(notebook.cells) if _failed(cell))  # after those that may fail
            raise NotebookFailed(
                f"Cell {number} of {path} fails: {_said(error.ename, error.evalue)}.",
                hint="Run the notebook in Jupyter to see where.",
                path=str(path),
                cell=number,
            ) from error
        except (DeadKernelError, RuntimeError) as error:
            raise NotebookFailed(f"The kernel that ran {path} died: {error}.", path=str(path)) from error
    return _receipt(last, path)


def _transport(folder: str) -> dict[str, str]:
    """Sockets in a folder of their own: kernels warn of the ports that they open otherwise."""
    return {"transport": "ipc", "ip": f"{folder}/kernel"} if os.name == "posix" else {}


def _environment(path: Path, home: Home) -> Mapping[str, str]:
    own = {"SEAMLESS_HOME": str(home.root.resolve())} if home.why in NAMED else {}
    return {**os.environ, **own, REPLAY: "1", "JPY_SESSION_NAME": str(path.resolve())}


def _failed(cell: Mapping[str, object]) -> bool:
    outputs = cell.get("outputs")
    return isinstance(outputs, list) and any(output["output_type"] == "error" for output in outputs)


def _said(name: str, value: str) -> str:
    return f"{name}: {value.removesuffix('.')}" if value else name


def _receipt(cell: Mapping[str, object], path: Path) -> Receipt:
    outputs = cell["outputs"]
    assert isinstance(outputs, list)  # of a code cell that ran
    told = "".join(str(output.get("text", "")) for output in outputs)
    receipt, _ = json.JSONDecoder().raw_decode(told.partition(_MARK)[2])  # a thread may print after it
    return receipt_from(receipt, path)
