"""A notebook's file: sources of its code cells, their outputs, and one change to its metadata that leaves all else."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from seamless_lab.app.atomic_file import put
from seamless_lab.app.notebooks.journal import source_digest
from seamless_lab.core.digest import canonical_json
from seamless_lab.errors import RequestError

Json = dict[str, object]

_IDLE = re.compile(r"\s*(#.*|%seamless\s+(seal|receipt|verify|lock)\b[^{]*)?")
"""A line that reads no bars: blank, a comment, or a command whose reads no seal keeps."""

_INDENT = re.compile(r"\A\s*\{(?P<newline>\r?\n)?(?P<indent>[ \t]*)")


@dataclass(frozen=True, slots=True, eq=False)
class CodeCell:
    """A code cell that is not empty.

    `place`: its number among all cells, from 1; `count` what stands in its brackets, None when it was not run;
    `skipped`: whether that is because its tag tells runners to leave it out.
    """

    place: int
    id: str
    count: int | None
    source: str
    outputs: tuple[Mapping[str, object], ...]
    skipped: bool = False

    @property
    def digest(self) -> str:
        """Of its source."""
        return source_digest(self.source)

    @property
    def idle(self) -> bool:
        """Whether it reads nothing that a seal keeps, so that it does not matter when it ran."""
        return self.skipped or all(_IDLE.fullmatch(line) for line in self.source.splitlines())

    def is_of(self, sources: Container[str]) -> bool:
        """Whether it is one of these, by digest; a kernel's history keeps no line ends behind the last line."""
        return self.digest in sources or source_digest(self.source.rstrip("\n")) in sources


@dataclass(frozen=True, slots=True, eq=False)
class NotebookFile:
    """What a notebook's file says; `text` is the file as it is."""

    path: Path
    text: str
    cells: tuple[CodeCell, ...]
    metadata: Mapping[str, object]

    @property
    def digest(self) -> str:
        """Of the sources of its code cells, in order; what ran, but neither prose nor outputs."""
        return hashlib.sha256(canonical_json([cell.source for cell in self.cells])).hexdigest()


def read_notebook(path: Path) -> NotebookFile:
    """Read a notebook of format 4.

    Raises
    ------
    RequestError
        If there is no such file, or it is a folder, or no notebook.
    """
    try:
        text = path.read_bytes().decode()
        found = json.loads(text)
        return NotebookFile(path, text, _code_cells(found), dict(found["metadata"]))
    except FileNotFoundError as error:
        raise RequestError(f"There is no notebook {path}.", hint="Check its name.", path=str(path)) from error
    except OSError as error:
        raise RequestError(
            f"{path} cannot be read: {error.strerror or error}.", hint="Name a notebook's file.", path=str(path)
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RequestError(
            f"{path} is no notebook of format 4.", hint="Open it in Jupyter and save it again.", path=str(path)
        ) from error


def with_metadata(notebook: NotebookFile, name: str, value: object) -> str:
    """The notebook's text with one entry of its metadata replaced, written as the rest of the file is."""
    found = json.loads(notebook.text)
    metadata = {**found["metadata"], name: json.loads(json.dumps(value, sort_keys=True))}
    kept = list(found["metadata"]) == sorted(found["metadata"])
    found["metadata"] = dict(sorted(metadata.items())) if kept else metadata
    style = _INDENT.match(notebook.text)
    newline, indent = (style["newline"] or "", style["indent"]) if style else ("\n", " ")
    # An editor that escapes what is not ASCII goes on doing so; half of a surrogate pair can only be escaped.
    escaped = "\\u" in notebook.text and (notebook.text.isascii() or "\\ud" in notebook.text.lower())
    text = json.dumps(found, ensure_ascii=escaped, indent=indent if newline else None, separators=(",", ": "))
    end = notebook.text[len(notebook.text.rstrip()) :]
    return (text.replace("\n", newline) if newline else text) + end


def write_metadata(notebook: NotebookFile, name: str, value: object) -> bool:
    """Put one entry of metadata into the file, atomically; whether that changed anything.

    Raises
    ------
    RequestError
        If the file is not what was read: an editor saved it in between.
    """
    text = with_metadata(notebook, name, value)
    if text == notebook.text:
        return False
    if notebook.path.read_bytes() != notebook.text.encode():
        raise RequestError(
            f"{notebook.path} was saved by somebody else meanwhile; nothing was written.",
            hint="Run it again.",
            path=str(notebook.path),
        )
    put(notebook.path, text.encode())
    return True


def _code_cells(found: Json) -> tuple[CodeCell, ...]:
    if found["nbformat"] != 4:
        raise ValueError(found["nbformat"])
    cells = found["cells"]
    if not isinstance(cells, list):
        raise TypeError(type(cells))
    return tuple(
        CodeCell(
            place,
            str(cell.get("id", "")),
            count := cell.get("execution_count"),
            source,
            tuple(cell.get("outputs", ())),
            skipped=count is None and "skip-execution" in ((cell.get("metadata") or {}).get("tags") or ()),
        )
        for place, cell in enumerate(cells, 1)
        if cell["cell_type"] == "code" and (source := _joined(cell["source"])).strip()
    )


def _joined(lines: object) -> str:
    return "".join(lines) if isinstance(lines, list) else str(lines)
