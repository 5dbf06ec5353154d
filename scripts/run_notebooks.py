"""Execute the notebooks again and store their outputs as the tests will see them. Read the difference, then commit.

python scripts/run_notebooks.py            all of them
python scripts/run_notebooks.py 10 20      those whose names begin so
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
ENVIRONMENT = {
    "SEAMLESS_RENDER": "static",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "COLUMNS": "100",
    "POLARS_TABLE_WIDTH": "100",
}
PLACES = {
    "HOME": "",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "jupyter",
    "XDG_DATA_HOME": "data",
    "XDG_CACHE_HOME": "cache",
    "SEAMLESS_HOME": "seamless",
}


def main() -> None:
    """Run each notebook in an empty home, with static output."""
    wanted = tuple(sys.argv[1:])
    for path in sorted(FOLDER.glob("*.ipynb")):
        if wanted and not path.name.startswith(wanted):
            continue
        with tempfile.TemporaryDirectory() as home:
            os.environ.update({name: f"{home}/{folder}" for name, folder in PLACES.items()} | ENVIRONMENT)
            notebook = nbformat.read(path, as_version=4)
            client = NotebookClient(notebook, timeout=120, store_widget_state=False, record_timing=False)
            client.execute(cwd=str(FOLDER))
        notebook.metadata = nbformat.from_dict(METADATA)
        nbformat.write(notebook, path)
        print(f"{path.name}: executed")


if __name__ == "__main__":
    main()
