"""A notebook's file: read as it is, hashed by its sources, and changed in one place only."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.app.notebooks.file import read_notebook, write_metadata
from seamless_lab.errors import RequestError


def notebook(*sources: str, **metadata: object) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_markdown_cell("# prose é"), *map(nbformat.v4.new_code_cell, sources)]
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def saved(path: Path, *sources: str, **metadata: object) -> Path:
    nbformat.write(notebook(*sources, **metadata), path)
    return path


def test_code_cells_are_numbered_as_a_reader_counts_them(tmp_path: Path) -> None:
    read = read_notebook(saved(tmp_path / "n.ipynb", "a = 1\nb = 2", "", "c"))
    assert [(cell.place, cell.source) for cell in read.cells] == [(2, "a = 1\nb = 2"), (4, "c")]
    assert all(cell.id for cell in read.cells)


@pytest.mark.parametrize(
    "extra, skipped",
    [
        ({}, False),
        ({"metadata": None}, False),
        ({"metadata": {"tags": None}}, False),
        ({"metadata": {"tags": ["skip-execution"]}}, True),
    ],
)
def test_a_cell_needs_no_metadata(tmp_path: Path, extra: dict[str, object], skipped: bool) -> None:
    cell = {"cell_type": "code", "source": "a", **extra}
    (tmp_path / "n.ipynb").write_text(json.dumps({"nbformat": 4, "metadata": {}, "cells": [cell]}))
    assert [each.skipped for each in read_notebook(tmp_path / "n.ipynb").cells] == [skipped]


def test_the_digest_is_of_the_sources_and_nothing_else(tmp_path: Path) -> None:
    one = read_notebook(saved(tmp_path / "1.ipynb", "a", "b"))
    ran = notebook("a", "", "b", zebra=1)
    ran.cells[1].outputs = [nbformat.v4.new_output("stream", text="hello")]
    ran.cells[1].execution_count = 7
    nbformat.write(ran, tmp_path / "2.ipynb")
    assert read_notebook(tmp_path / "2.ipynb").digest == one.digest
    for other in (("b", "a"), ("ab",), ("a", "b "), ("a",)):
        assert read_notebook(saved(tmp_path / "3.ipynb", *other)).digest != one.digest


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4), st.sampled_from(["1", "4", "tab", "one"]))
def test_only_the_one_entry_of_the_metadata_changes(tmp_path_factory, extra: dict[str, str], style: str) -> None:
    path = tmp_path_factory.mktemp("n") / "n.ipynb"
    indent: int | str | None = {"1": 1, "4": 4, "tab": "\t", "one": None}[style]
    text = json.dumps(notebook("é = 1", **extra), indent=indent, ensure_ascii=False, separators=(",", ": "))
    path.write_text(f"{text}\n")
    before = path.read_text()
    assert write_metadata(read_notebook(path), "seamless", {"seal": 1})
    found = json.loads(path.read_text())
    assert found["metadata"].pop("seamless") == {"seal": 1}
    assert found == {**json.loads(before), "metadata": {k: v for k, v in extra.items() if k != "seamless"}}
    assert not write_metadata(read_notebook(path), "seamless", {"seal": 1}), "the second time nothing changes"


def test_what_jupyter_saved_stays_as_jupyter_saves_it(tmp_path: Path) -> None:
    path = saved(tmp_path / "n.ipynb", "print('é')", zebra=1, apple=2)
    write_metadata(read_notebook(path), "seamless", {"seal": {"b": 1, "a": [1, 2]}})
    ours = path.read_bytes()
    nbformat.write(nbformat.read(path, as_version=4), path)
    assert ours == path.read_bytes()


def test_the_file_keeps_its_rights_and_a_link_stays_a_link(tmp_path: Path) -> None:
    path = saved(tmp_path / "n.ipynb", "a")
    path.chmod(0o640)
    (tmp_path / "link.ipynb").symlink_to(path)
    write_metadata(read_notebook(tmp_path / "link.ipynb"), "seamless", 1)
    assert path.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "link.ipynb").is_symlink()
    assert json.loads(path.read_text())["metadata"]["seamless"] == 1


def test_a_file_saved_by_an_editor_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = saved(tmp_path / "n.ipynb", "a")
    read = read_notebook(path)
    saved(path, "b")
    held = path.read_bytes()
    with pytest.raises(RequestError, match="meanwhile"):
        write_metadata(read, "seamless", 1)
    assert path.read_bytes() == held
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{}", "[]", "no json", '{"nbformat": 3, "metadata": {}, "cells": []}', "\x00"])
def test_what_is_no_notebook_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(text)
    with pytest.raises(RequestError, match=r"no notebook of format 4"):
        read_notebook(path)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="There is no notebook"):
        read_notebook(tmp_path / "n.ipynb")
    with pytest.raises(RequestError, match="cannot be read"):
        read_notebook(tmp_path)
