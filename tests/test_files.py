"""Outputs appear whole or not at all, and a checkpoint belongs to one run."""

from pathlib import Path

import pytest

from cnn_study.base.code import fingerprint, folder_digest, loaded_sources, refuse_edited_sources, sources_digest
from cnn_study.base.errors import StudyError
from cnn_study.base.files import read_json, scratch_folder, whole_folder, write_json, write_whole


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_folder_takes_the_place_of_the_old_one_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "below" / "target"
    for text in ("old", "new"):
        with whole_folder(target, tmp_path / "scratch") as folder:
            (folder / text).write_text(text)
            assert not target.exists() or content(target) == {"old": "old"}
        assert content(target) == {text: text}
    assert not list((tmp_path / "scratch/partial").iterdir())


def test_a_folder_that_fails_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with whole_folder(target, tmp_path / "scratch") as folder:
        (folder / "old").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_folder(target, tmp_path / "scratch") as folder:
        (folder / "new").write_text("new")
        raise KeyboardInterrupt
    assert content(target) == {"old": "old"}
    assert not list((tmp_path / "scratch/partial").iterdir())


def test_what_a_killed_run_left_in_a_scratch_folder_is_gone(tmp_path: Path) -> None:
    (tmp_path / "scratch/name").mkdir(parents=True)
    (tmp_path / "scratch/name/left").write_text("by a kill")
    with scratch_folder("name", tmp_path / "scratch") as folder:
        assert content(folder) == {}


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    with pytest.raises(TypeError):
        write_whole(tmp_path / "a.json", "text")  # type: ignore[arg-type]
    assert read_json(tmp_path / "a.json") == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("text", [None, "", "{"])
def test_a_missing_or_broken_json_file_is_one_line(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "a.json").write_text(text)
    with pytest.raises(StudyError, match=r"a\.json: (not )?found") as error:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(error.value)


def test_a_fingerprint_is_of_everything_that_it_is_given() -> None:
    given = [("spec", 0.1, 0), ("other", 0.1, 0), ("spec", 0.2, 0), ("spec", 0.1, 1), ("spec", 0.1)]
    assert len({fingerprint(*parts) for parts in given}) == len(given)
    assert fingerprint("spec", 0.1, 0) == fingerprint("spec", 0.1, 0)


def test_a_digest_of_sources_changes_with_names_and_contents_but_not_while_a_process_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = Path("package/below/code.py")
    code.parent.mkdir(parents=True)
    script = Path("script.py")
    found = []
    for content, moved in (("a", code), ("b", code), ("a", code.with_name("renamed.py"))):
        code.parent.mkdir(exist_ok=True)
        script.write_text("the same")
        moved.write_text(content)
        sources_digest.cache_clear()
        found.append(sources_digest(Path("package"), script))
        script.write_text("edited meanwhile")
        assert sources_digest(Path("package"), script) == found[-1]
        moved.unlink()
    assert len(set(found)) == 3
    sources_digest.cache_clear()


def test_code_that_is_edited_after_it_was_loaded_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cnn_study.training.augment

    edited = tmp_path / "augment.py"
    edited.write_text(Path(str(cnn_study.training.augment.__file__)).read_text())
    monkeypatch.setattr(cnn_study.training.augment, "__file__", str(edited))
    loaded_sources.cache_clear()
    refuse_edited_sources()
    edited.write_text("# edited\n")
    with pytest.raises(StudyError, match=r"augment\.py: changed while the stage ran"):
        refuse_edited_sources()
    loaded_sources.cache_clear()


def test_a_digest_of_a_folder_changes_with_names_and_contents(tmp_path: Path) -> None:
    digests = []
    for name, text in (("a", "1"), ("a", "2"), ("b", "2")):
        for path in tmp_path.iterdir():
            path.unlink()
        (tmp_path / name).write_text(text)
        digests += [folder_digest(tmp_path), folder_digest(tmp_path)]
    assert digests[0::2] == digests[1::2]
    assert len(set(digests)) == 3


def test_what_editors_leave_behind_changes_no_digest(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("a")

    def digests() -> tuple[str, str]:
        sources_digest.cache_clear()
        return sources_digest(tmp_path), folder_digest(tmp_path)

    before = digests()
    for folder in (".ipynb_checkpoints", "__pycache__"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "code.py").write_text("left over")
    (tmp_path / ".#code.py").symlink_to("user@host.1234")  # Emacs' lock, which leads nowhere
    (tmp_path / ".DS_Store").write_text("left over")
    assert digests() == before
    (tmp_path / "more.py").write_text("b")
    assert all(one != other for one, other in zip(digests(), before, strict=True))
    sources_digest.cache_clear()
