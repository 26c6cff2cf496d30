"""Where the images come from, that they are the right ones, and how they are divided."""

import hashlib
import io
import json
import os
import pickle
import tarfile
import threading
import tracemalloc
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torchvision.datasets import CIFAR10

from cnn_study.base.errors import StudyError
from cnn_study.data.shape import Shape, load_shape, save_shape
from cnn_study.data.splits import Names, Split, balanced_subset, load_labels, load_split, save_split
from cnn_study.sources import cifar, cifar10, fashion_mnist
from cnn_study.sources.archives import read_members
from cnn_study.sources.cifar10 import FILES
from cnn_study.sources.datasets import SOURCES
from tests.conftest import REPOSITORY, SHAPE, Project

CIFAR = cifar10.CIFAR10
FOLDER, find = CIFAR.folder, CIFAR.find


def batch(count: int, seed: int) -> dict[bytes, Any]:
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, 3072), dtype=np.uint8)
    return {b"data": images, b"labels": [int(i % 10) for i in range(count)]}


@pytest.fixture
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like CIFAR-10's, of 20 images a batch, whose checksums are taken for the right ones."""
    folder = tmp_path / "original" / FOLDER
    folder.mkdir(parents=True)
    md5 = {}
    for seed, name in enumerate(FILES):
        labels = {b"label_names": [f"class {i}".encode() for i in range(10)]}
        content = pickle.dumps(labels if name == "batches.meta" else batch(20, seed))
        (folder / name).write_bytes(content)
        md5[name] = hashlib.md5(content).hexdigest()
    monkeypatch.setattr(CIFAR10, "train_list", list(md5.items()))
    monkeypatch.setattr(CIFAR10, "test_list", [])
    monkeypatch.setattr(CIFAR10, "meta", {"filename": "batches.meta", "md5": md5["batches.meta"]})
    return folder


def packed(folder: Path, archive: Path, inside: str = FOLDER) -> Path:
    """An archive of the kind that its name says, with the folder as ``inside``."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as whole:
            for path in sorted(folder.iterdir()):
                whole.write(path, f"{inside}/{path.name}")
        return archive
    mode = {".gz": "w:gz", ".tgz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2", ".tar": "w"}[archive.suffix]
    with tarfile.open(archive, mode) as tar:  # type: ignore[call-overload]
        tar.add(folder, inside)
    return archive


def fetched(local: Path | Sequence[Path], tmp_path: Path) -> dict[str, bytes]:
    scratch, folder = tmp_path / "scratch", tmp_path / "raw"
    for path in (scratch, folder):
        path.mkdir()
    CIFAR.fetch_from([local] if isinstance(local, Path) else local, folder, scratch)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


NAMES = [f"my-cifar.{kind}" for kind in ("tar", "tar.gz", "tgz", "tar.xz", "tar.bz2", "zip")]


@pytest.mark.parametrize("name", ["", *NAMES])
def test_every_kind_of_local_copy_gives_the_same_files_alone_or_in_a_folder(
    original: Path, tmp_path: Path, name: str
) -> None:
    copy = original
    if name:
        (tmp_path / "my downloads").mkdir()
        copy = packed(original, tmp_path / "my downloads" / name)
    for number, path in enumerate((copy, copy.parent)):
        (tmp_path / str(number)).mkdir()
        found = find(str(path), tmp_path / "nothing")
        assert fetched(found, tmp_path / str(number)) == content(original)


@pytest.mark.parametrize("inside", [".", "data/cifar/cifar-10-batches-py"])
@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip"])
def test_the_folder_may_be_the_archive_s_root_or_lie_in_others(
    original: Path, tmp_path: Path, name: str, inside: str
) -> None:
    assert fetched(packed(original, tmp_path / name, inside), tmp_path) == content(original)


SIDECARS = ["._my-cifar.tar.gz", ".DS_Store", "Thumbs.db", "my-cifar.tar.gz.part", ".my-cifar.zip", "my-cifar.txt"]


def test_what_systems_leave_beside_an_archive_or_in_it_is_passed_over(original: Path, tmp_path: Path) -> None:
    before = content(original)
    for name in before:
        (original / f"._{name}").write_bytes(b"\0\5\26\7")
    folder = tmp_path / "downloads"
    folder.mkdir()
    archive = packed(original, folder / "my-cifar.tar.gz")
    for name in SIDECARS:
        (folder / name).write_bytes(b"\0\5\26\7")
    (folder / "folder.zip").mkdir()
    (folder / "gone.tar").symlink_to("nowhere")
    assert find(str(folder), tmp_path) == [archive]
    assert fetched(archive, tmp_path) == before


def test_the_environment_variable_comes_before_the_documented_folder(tmp_path: Path) -> None:
    for name in ("given", "documented"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "batches.meta").touch()
    assert find(str(tmp_path / "given"), tmp_path / "documented") == [tmp_path / "given"]
    assert find("", tmp_path / "documented") == [tmp_path / "documented"]
    assert find("", tmp_path / "nothing") == []


def test_of_several_archives_in_a_folder_those_named_after_the_data_set_come_first(tmp_path: Path) -> None:
    for name in ("backup.tar.gz", "My-CIFAR.zip", "cifar-10-python.tar.gz", "aaa.tar.xz"):
        (tmp_path / name).touch()
    names = [path.name for path in find(str(tmp_path), tmp_path)]
    assert names == ["My-CIFAR.zip", "cifar-10-python.tar.gz", "aaa.tar.xz", "backup.tar.gz"]


def test_of_several_copies_the_first_whole_one_is_taken(original: Path, tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    (folder / FOLDER).mkdir(parents=True)
    (folder / FOLDER / "data_batch_1").write_bytes(b"unpacking was cut")
    (folder / "cifar-10-python (1).tar.gz").write_bytes(
        packed(original, tmp_path / "a.tar.gz").read_bytes()[:9000]
    )
    packed(original, folder / "other.zip")
    assert fetched(find(str(folder), tmp_path), tmp_path) == content(original)


def test_where_no_copy_is_whole_the_likeliest_is_told_and_the_others_are_named(tmp_path: Path) -> None:
    for name in ("cifar-10.tar.gz", "a.zip", "b.zip", "c.zip", "d.zip"):
        (tmp_path / name).write_bytes(b"not whole")
    with pytest.raises(StudyError) as error:
        fetched(find(str(tmp_path), tmp_path), tmp_path)
    line = str(error.value)
    assert line.startswith(f"{tmp_path}/cifar-10.tar.gz: found no whole archive (")
    assert line.endswith(f"; nor is {FOLDER} whole in a.zip, b.zip, c.zip and others, beside it")


def test_a_given_path_without_the_data_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "batches.meta").touch()
    (tmp_path / "empty").mkdir()
    for name, kind in (("elsewhere", "which is not there"), ("empty", "a folder that holds none of them")):
        with pytest.raises(StudyError, match=f"CIFAR10_ARCHIVE: found '.*{name}', {kind}, allowed: .* or a zip"):
            find(str(tmp_path / name), tmp_path)


def test_a_home_folder_is_found_where_no_shell_has_put_it_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "cifar.zip").touch()
    assert find("~/cifar.zip", tmp_path / "nothing") == [tmp_path / "cifar.zip"]
    with pytest.raises(StudyError, match=r"found '~/a' \(.*/a\), which is not there"):
        find("~/a", tmp_path)
    with pytest.raises(StudyError, match="found '~nobody-here/a', which is not there"):
        find("~nobody-here/a", tmp_path)


@pytest.mark.parametrize("copy", ["tmp1234", "standalone/tmp1234", "tmp1234/sub"])
def test_an_experiment_in_a_copy_of_the_tree_finds_the_archive_where_the_tree_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copy: str
) -> None:
    experiment = tmp_path / ".dvc/tmp/exps" / copy
    for folder in (tmp_path / "data/archive", experiment):
        folder.mkdir(parents=True)
    archive = tmp_path / "data/archive/cifar.zip"
    archive.touch()
    monkeypatch.chdir(experiment)
    for named in ("", "data/archive/cifar.zip", str(archive)):
        assert find(named, Path("data/archive")) == [archive]


def test_the_files_are_those_of_which_torchvision_knows_the_checksums() -> None:
    listed = [*CIFAR10.train_list, *CIFAR10.test_list]
    assert {name for name, _ in listed} | {CIFAR10.meta["filename"]} == set(FILES)


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_a_pickle_with_another_checksum_is_refused_unread(original: Path, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    trap = pickle.dumps(Trap(sprung))
    pickle.loads(trap)
    assert sprung.exists()  # the trap works
    sprung.unlink()

    (original / "test_batch").write_bytes(trap)
    with pytest.raises(StudyError, match="test_batch: found MD5 .*, allowed: "):
        fetched(original, tmp_path)
    with pytest.raises(StudyError, match="test_batch: found MD5"):
        CIFAR.read(original)
    assert not sprung.exists()


def hostile(archive: Path, member: tarfile.TarInfo, content: bytes) -> Path:
    with tarfile.open(archive, "w:gz") as tar:
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return archive


def of_type(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "member",
    [
        tarfile.TarInfo("../outside"),
        tarfile.TarInfo("a/../../outside"),
        tarfile.TarInfo("/outside"),
        of_type("link", tarfile.SYMTYPE, "/etc/passwd"),
        of_type("link", tarfile.LNKTYPE, "/etc/passwd"),
        of_type("device", tarfile.CHRTYPE),
        of_type("pipe", tarfile.FIFOTYPE),
    ],
    ids=["above", "above from below", "from the root", "symbolic link", "hard link", "device", "pipe"],
)
def test_a_malicious_member_is_refused_and_nothing_is_written(tmp_path: Path, member: tarfile.TarInfo) -> None:
    content = b"hello" if member.isreg() else b""
    archive = hostile(tmp_path / "bad.tar.gz", member, content)
    with pytest.raises(StudyError, match=rf"bad\.tar\.gz: found {member.name!r}, ") as error:
        read_members(archive, [member.name], most_bytes=1_000_000)
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tar.gz"]


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    archive = hostile(tmp_path / "bomb.tar.gz", tarfile.TarInfo("zeros"), bytes(50_000_000))
    assert archive.stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(StudyError, match="found more than"):
        read_members(archive, ["zeros"], most_bytes=1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_bomb_in_a_header_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    member = tarfile.TarInfo("a")
    member.pax_headers = {"comment": "x" * 50_000_000}
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member)
    tracemalloc.start()
    with pytest.raises(StudyError, match="found more than 1000000 bytes"):
        read_members(tmp_path / "bomb.tar.gz", ["a"], most_bytes=1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_sparse_file_counts_with_all_its_holes(tmp_path: Path) -> None:
    member = tarfile.TarInfo("holes")
    member.pax_headers = {"GNU.sparse.map": "0,5", "GNU.sparse.size": str(10**12)}
    archive = hostile(tmp_path / "sparse.tar.gz", member, b"hello")
    with pytest.raises(StudyError, match="found more than 100 members or 1000000 bytes"):
        read_members(archive, ["holes"], most_bytes=1_000_000)


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "many.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for number in range(30):
            tar.addfile(tarfile.TarInfo(f"file {number}"))
    with pytest.raises(StudyError, match="found more than 10 members"):
        read_members(archive, ["file 0"], most_bytes=1_000_000, most_members=10)


def test_a_zip_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as whole:
        whole.writestr("zeros", bytes(50_000_000))
    said = (tmp_path / "bomb.zip").read_bytes()
    size = (50_000_000).to_bytes(4, "little")
    assert said.count(size) == 2  # before the content, and in the list of members
    (tmp_path / "liar.zip").write_bytes(said.replace(size, (1000).to_bytes(4, "little")))
    tracemalloc.start()
    with pytest.raises(StudyError, match="bomb.zip: found more than"):
        read_members(tmp_path / "bomb.zip", ["zeros"], most_bytes=1_000_000)
    with pytest.raises(StudyError, match="liar.zip: found no whole archive"):
        read_members(tmp_path / "liar.zip", ["zeros"], most_bytes=1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_bomb_in_a_zip_archive_s_list_of_members_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w") as whole:
        for number in range(2000):
            whole.writestr(f"{number}{'x' * 1000}", b"")
    tracemalloc.start()
    with pytest.raises(StudyError, match="found a list of members of 2098890 bytes"):
        read_members(tmp_path / "bomb.zip", ["a"], most_bytes=1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_archive_compressed_in_a_way_that_has_no_limit_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as whole:
        whole.writestr("a", b"hello")
    with pytest.raises(StudyError, match=f"a.zip: found no whole archive .'a' is compressed by method {method}"):
        read_members(tmp_path / "a.zip", ["a"], most_bytes=1_000_000)


def test_a_zip_archive_with_any_byte_changed_is_read_or_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as whole:
        for name in "ab":
            whole.writestr(name, b"hello " * 10)
    content = (tmp_path / "a.zip").read_bytes()
    for place in range(4, len(content)):
        for value in (0, 127, 255):
            changed = bytes([*content[:place], value, *content[place + 1 :]])
            (tmp_path / "a.zip").write_bytes(changed)
            try:
                found = read_members(tmp_path / "a.zip", ["a", "b"], most_bytes=1000)
            except StudyError as error:
                assert "\n" not in str(error)
            else:
                assert set(found.values()) == {b"hello " * 10}


def test_an_archive_of_something_else_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as whole:
        whole.writestr("cifar-10-python.tar.gz", b"an archive in an archive")
    with pytest.raises(
        StudyError, match=f"a.zip: found 'cifar-10-python.tar.gz', allowed: {FOLDER}/data_batch_1, "
    ):
        fetched(tmp_path / "a.zip", tmp_path)
    with pytest.raises(StudyError, match=r"found 'x/0', 'x/1', 'x/2' and others, allowed: a"):
        (tmp_path / "x").mkdir()
        for number in range(4):
            (tmp_path / "x" / str(number)).touch()
        read_members(packed(tmp_path / "x", tmp_path / "x.zip", "x"), ["a"], most_bytes=1_000_000)


@pytest.mark.parametrize("names", [["x" * 300], ["a/", "a"], [f"{FOLDER}/batches.meta/"]])
def test_names_that_cannot_be_are_refused(tmp_path: Path, names: list[str]) -> None:
    archive = tmp_path / "names.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in names:
            tar.addfile(of_type(name.strip("/"), tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE))
    with pytest.raises(StudyError, match=r"names\.tar\.gz: "):
        fetched(archive, tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "no archive", "empty"])
@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.xz", "tar.bz2", "zip"])
def test_a_damaged_archive_is_refused(original: Path, tmp_path: Path, damage: str, suffix: str) -> None:
    archive = packed(original, tmp_path / f"data.{suffix}")
    whole = archive.read_bytes()
    middle = len(whole) // 3  # of a plain tar archive, this is in a file and not in what fills its last block
    archive.write_bytes(
        {
            "truncated": whole[:middle],
            "flipped": whole[:middle]
            + bytes(byte ^ 255 for byte in whole[middle : middle + 64])
            + whole[middle + 64 :],
            "no archive": b"I am a text. " * 1000,
            "empty": b"",
        }[damage]
    )
    with pytest.raises(StudyError) as error:
        fetched(archive, tmp_path)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "raw").iterdir())


def test_a_missing_file_is_named(original: Path, tmp_path: Path) -> None:
    (original / "data_batch_3").rename(original / "data_batch_9")
    with pytest.raises(StudyError, match="data_batch_3: not found, but needed"):
        fetched(original, tmp_path)


def refuse(*_: object, **__: object) -> None:
    raise OSError("no route to host")


def hang(*_: object, **__: object) -> None:
    threading.Event().wait()


@pytest.mark.parametrize("network", [refuse, hang])
def test_without_network_an_error_in_time_says_what_was_tried_and_three_ways_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Callable[..., None]
) -> None:
    assert cifar.NETWORK_SECONDS < 15
    monkeypatch.setattr(cifar, "NETWORK_SECONDS", 1.0)
    monkeypatch.setattr(urllib.request, "urlopen", network)
    with pytest.raises(StudyError) as error:
        fetched([], tmp_path)
    for part in ("CIFAR10_ARCHIVE", "data/archive/", "https://", "Three ways on", "DATASET=fashion_mnist"):
        assert part in str(error.value)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_what_the_network_brings_is_checked_like_any_copy(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = packed(original, tmp_path / "cifar-10-python.tar.gz")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:{server.server_port}/{archive.name}")
        monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert fetched([], tmp_path) == {path.name: path.read_bytes() for path in original.iterdir()}
        server.shutdown()


def test_cifar10_is_read_as_it_was_written(original: Path) -> None:
    raw = CIFAR.read(original)
    assert raw.train.images.shape == (100, 3, 32, 32)
    third = pickle.loads((original / "data_batch_3").read_bytes())
    assert np.array_equal(raw.train.images[40:60].reshape(20, -1), third[b"data"])
    assert raw.train.labels[40:60].tolist() == third[b"labels"]
    assert raw.classes == tuple(f"class {i}" for i in range(10))


@pytest.mark.skipif("CIFAR10_ARCHIVE" not in os.environ, reason="CIFAR10_ARCHIVE names no copy of CIFAR-10")
def test_the_real_archive_passes_its_checks_and_holds_the_known_images(tmp_path: Path) -> None:
    fetched(find(os.environ["CIFAR10_ARCHIVE"], tmp_path), tmp_path)
    raw = CIFAR.read(tmp_path / "raw")
    assert np.bincount(raw.train.labels).tolist() == [5000] * 10
    assert raw.test is not None
    assert np.bincount(raw.test.labels).tolist() == [1000] * 10
    assert raw.classes[:3] == ("airplane", "automobile", "bird")
    assert raw.classes == cifar10.CLASSES
    # The channel means that everyone's normalisation of CIFAR-10 has.
    means = raw.train.images.mean(axis=(0, 2, 3)) / 255
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=1e-4)


@pytest.mark.parametrize("damage", [lambda whole: whole[:-1000], lambda whole: b"", lambda whole: whole + b"x"])
def test_damaged_embedded_data_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    whole = (REPOSITORY / "data/fashion_mnist" / fashion_mnist.FILE).read_bytes()
    (tmp_path / fashion_mnist.FILE).write_bytes(damage(whole))
    with pytest.raises(StudyError, match="found SHA-256"):
        fashion_mnist.read(tmp_path)


def test_the_embedded_data_is_balanced_padded_and_small() -> None:
    embedded = REPOSITORY / "data/fashion_mnist"
    assert (embedded / fashion_mnist.FILE).stat().st_size < 8 * 2**20
    assert "MIT" in (embedded / "LICENSE").read_text()
    raw = fashion_mnist.read(embedded)
    assert raw.train.images.shape == (10_000, 3, 32, 32)
    assert np.bincount(raw.train.labels).tolist() == [1000] * 10
    assert raw.test is not None
    assert np.bincount(raw.test.labels).tolist() == [200] * 10
    assert raw.train.images[:, :, :2].max() == raw.train.images[:, :, :, -2:].max() == 0
    assert raw.train.images[:, :, 2:-2, 2:-2].max() == 255


@given(st.integers(20, 400), st.integers(0, 5))
def test_a_balanced_subset_has_each_class_in_proportion(count: int, seed: int) -> None:
    labels = np.repeat(np.arange(4), [200, 100, 60, 40])
    chosen = balanced_subset(labels, count, seed)
    assert len(np.unique(chosen)) == count
    assert np.abs(np.bincount(labels[chosen]) - count * np.bincount(labels) / 400).max() <= 1
    assert np.array_equal(chosen, balanced_subset(labels, count, seed))


def test_another_seed_gives_another_subset() -> None:
    labels = np.repeat(np.arange(10), 50)
    assert not np.array_equal(balanced_subset(labels, 100, 0), balanced_subset(labels, 100, 1))


def test_too_large_a_subset_is_refused() -> None:
    with pytest.raises(StudyError, match="found 3 images, allowed: at least the 4 asked for"):
        balanced_subset(np.arange(3), 4, 0)


def test_the_shape_comes_back_from_its_file(tmp_path: Path) -> None:
    shape = Shape(channels=1, size=20, classes=3)
    save_shape(tmp_path / "shape.json", shape)
    assert load_shape(tmp_path / "shape.json") == shape
    assert json.loads((tmp_path / "shape.json").read_text()) == {"channels": 1, "size": 20, "classes": 3}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "not found; `dvc repro` makes it"),
        ("{", "found no valid JSON"),
        ("[3, 32, 10]", r"found \[3, 32, 10\], allowed: channels, size and classes"),
        ('{"channels": 3, "size": 32}', "found {'channels': 3, 'size': 32}, allowed: channels, size and classes"),
        ('{"channels": 3, "size": 32, "classes": 10, "colours": 3}', "allowed: channels, size and classes"),
        ('{"channels": true, "size": 32, "classes": 10}', "allowed: channels, size and classes"),
        ('{"channels": 3, "size": 0, "classes": 10}', "allowed: channels, size and classes"),
        ('{"channels": 3, "size": "32", "classes": 10}', "allowed: channels, size and classes"),
    ],
)
def test_a_file_without_a_shape_is_refused_with_one_line(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "shape.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StudyError, match=f"shape.json: .*{told}") as error:
        load_shape(path)
    assert "\n" not in str(error.value)


def test_images_that_are_not_square_are_no_split(tmp_path: Path) -> None:
    names = Names(dataset="made_up", classes=("a", "b"))
    save_split(tmp_path, Split(np.zeros((2, 1, 8, 9), np.uint8), np.zeros(2, np.int64), names))
    with pytest.raises(StudyError, match="that are no split"):
        load_split(tmp_path)


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
def test_a_data_set_has_the_shape_that_it_says(name: str, original: Path) -> None:
    folder = original if name == "cifar10" else REPOSITORY / "data/fashion_mnist"
    raw = SOURCES[name].read(folder)
    names = Names(dataset=name, classes=raw.classes)
    for part in (raw.train, raw.test):
        assert part is not None
        assert Split(part.images, part.labels, names).shape == SOURCES[name].shape(len(raw.classes))
    assert len(raw.classes) == len(SOURCES[name].classes or ())


def test_prepared_splits_are_disjoint_balanced_and_of_the_asked_sizes(finished: Project) -> None:
    prepared = finished.folder / "data/prepared"
    splits = {name: load_split(prepared / name) for name in ("train", "validation", "test")}
    assert {name: len(split) for name, split in splits.items()} == {"train": 270, "validation": 30, "test": 100}
    shape = load_shape(finished.folder / "results/data/shape.json")
    assert shape == SHAPE
    labels, names = load_labels(finished.folder / "results/data")
    assert (labels == splits["test"].labels).all()
    assert names == Names(dataset="fashion_mnist", classes=fashion_mnist.CLASSES)
    for split in splits.values():
        assert split.shape == shape
        assert split.names == names
        assert set(np.bincount(split.labels)) == {len(split) // 10}
    seen = [{image.tobytes() for image in splits[name].images} for name in ("train", "validation")]
    assert not seen[0] & seen[1]
