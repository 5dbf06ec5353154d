from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_lab.app.home import UserFolders, find_home, user_folders
from seamless_lab.errors import ConfigError

USER = UserFolders(Path("/u/data"), Path("/u/cache"), Path("/u"))
CWD = Path("/p/project/notebooks")


def home(
    explicit: str | None = None, env: dict[str, str] | None = None, *, marks: tuple[str, ...] = (), cwd: Path = CWD
):
    return find_home(explicit, env or {}, cwd, USER, exists=lambda path: str(path) in marks)


def test_without_anything_it_is_the_user_s_data_folder() -> None:
    found = home()
    assert (found.root, found.project, found.cache) == (Path("/u/data"), None, Path("/u/cache"))
    assert found.why == "the user data folder"
    assert found.lockfile == Path("/u/data/seamless.lock")
    assert found.config_places == (Path("/u/data"),)


def test_the_order_is_option_variable_project_user() -> None:
    marks = ("/p/project/.seamless",)
    env = {"SEAMLESS_HOME": "/e"}
    assert home("/o", env, marks=marks).root == Path("/o")
    assert home("/o", env, marks=marks).why == "--home"
    assert home(None, env, marks=marks).root == Path("/e")
    assert home(None, env, marks=marks).why == "SEAMLESS_HOME"
    assert home(None, {"SEAMLESS_HOME": ""}, marks=marks).root == Path("/p/project/.seamless")


@pytest.mark.parametrize("mark", ["/p/project/.seamless", "/p/project/seamless.lock"])
def test_a_folder_or_a_lockfile_marks_a_project(mark: str) -> None:
    found = home(marks=(mark,))
    assert found.root == Path("/p/project/.seamless")
    assert found.project == Path("/p/project")
    assert found.lockfile == Path("/p/project/seamless.lock")
    assert found.config_places == (Path("/p/project"), Path("/p/project/.seamless"))
    assert Path(mark).name in found.why


def test_the_nearest_ancestor_wins() -> None:
    marks = ("/p/.seamless", "/p/project/seamless.lock")
    assert home(marks=marks).project == Path("/p/project")
    assert home(marks=marks, cwd=Path("/p/other")).project == Path("/p")


def test_who_stands_in_a_home_with_a_sandboxs_bars_means_that_one() -> None:
    sandbox, below = Path("/p/project/lab"), Path("/p/project/lab/below")
    mark, own = f"{sandbox}/.sandbox-home", f"{sandbox}/seamless.lock"
    for marks in ((mark,), (mark, "/p/project/.seamless"), (mark, own, "/p/project/seamless.lock")):
        assert home(marks=marks, cwd=below).root == sandbox
    assert home(marks=(mark, "/p/project/.seamless")).root == Path("/p/project/.seamless")
    for nearer in (f"{sandbox}/.seamless", f"{below}/.seamless", f"{below}/seamless.lock"):
        assert home(marks=(mark, own, nearer), cwd=below).root == Path(nearer).parent / ".seamless"


def test_a_project_keeps_its_lockfile_when_the_stores_are_elsewhere() -> None:
    found = home(None, {"SEAMLESS_HOME": "/e"}, marks=("/p/project/seamless.lock",))
    assert found.root == Path("/e")
    assert found.lockfile == Path("/p/project/seamless.lock")


def test_relative_paths_and_the_user_s_folder_are_resolved() -> None:
    assert home("store").root == CWD / "store"
    assert home("~/store").root == Path("/u/store")
    assert home("~").root == Path("/u")
    assert home(None, {"SEAMLESS_CACHE_DIR": "~/c"}).cache == Path("/u/c")


@pytest.mark.parametrize("bad", ["", " ", "~other/store"])
def test_a_home_that_names_nothing_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError, match="--home"):
        home(bad)


@given(st.sampled_from(["", "a", "a/b", "a/b/c"]), st.sampled_from(["a/b/c", "a/b/c/d"]))
def test_everything_below_a_project_comes_to_the_same_place(project: str, below: str) -> None:
    marks = (str(Path("/p") / project / ".seamless"),)
    here, there = home(marks=marks, cwd=Path("/p/a/b/c")), home(marks=marks, cwd=Path("/p") / below)
    assert here == there


def test_all_stores_are_inside_the_root() -> None:
    found = home("/o")
    for path in (found.hot, found.artifacts, found.events):
        assert path.is_relative_to(found.root)
    assert found.to_dict()["hot"] == "/o/hot.db"


def test_the_real_file_system_and_user_folders_are_used(tmp_path: Path) -> None:
    (tmp_path / ".seamless").mkdir()
    below = tmp_path / "notebooks"
    below.mkdir()
    assert find_home(None, {}, below, user_folders()).root == tmp_path / ".seamless"
    assert user_folders().data.is_relative_to(Path.home())
