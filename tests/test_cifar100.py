"""CIFAR-100: made-up batches of its layout, and what is told of it before there are any."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR100 as ORIGINAL

from cnn_study.base.errors import StudyError
from cnn_study.sources.cifar10 import CIFAR10
from cnn_study.sources.cifar100 import CIFAR100, CLASSES
from cnn_study.sources.datasets import SOURCES


@pytest.fixture
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as CIFAR-100's, of 200 and 100 images, whose checksums are taken for the right ones."""
    folder = tmp_path / "original" / CIFAR100.folder
    folder.mkdir(parents=True)
    contents = {
        "meta": {
            b"fine_label_names": [name.encode() for name in CLASSES],
            b"coarse_label_names": [f"group {number}".encode() for number in range(20)],
        }
    }
    for name, count in (("train", 200), ("test", 100)):
        labels = [number % 100 for number in range(count)]
        pixels = np.random.default_rng(count).integers(0, 256, (count, 3072), dtype=np.uint8)
        groups = [label // 5 for label in labels]
        contents[name] = {b"data": pixels, b"fine_labels": labels, b"coarse_labels": groups}  # type: ignore[dict-item]
    md5 = {}
    for name, content in contents.items():
        (folder / name).write_bytes(pickle.dumps(content))
        md5[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    monkeypatch.setattr(ORIGINAL, "train_list", [["train", md5["train"]]])
    monkeypatch.setattr(ORIGINAL, "test_list", [["test", md5["test"]]])
    monkeypatch.setattr(ORIGINAL, "meta", {"filename": "meta", "md5": md5["meta"]})
    return folder


def test_its_files_are_those_of_which_torchvision_knows_the_checksums() -> None:
    listed = [*ORIGINAL.train_list, *ORIGINAL.test_list]
    assert {name for name, _ in listed} | {ORIGINAL.meta["filename"]} == set(CIFAR100.files)
    assert CIFAR100.folder == ORIGINAL.base_folder
    assert CIFAR100.names_key.decode() == ORIGINAL.meta["key"]


def test_it_is_read_as_it_was_written_by_its_fine_classes(original: Path) -> None:
    raw = CIFAR100.read(original)
    written = pickle.loads((original / "train").read_bytes())
    assert np.array_equal(raw.train.images.reshape(200, -1), written[b"data"])
    assert raw.train.labels.tolist() == written[b"fine_labels"]
    assert raw.test is not None
    assert raw.test.images.shape == (100, 3, 32, 32)
    assert raw.classes == CLASSES
    source = SOURCES["cifar100"]
    assert (source.train, source.test, source.classes) == (50_000, 10_000, CLASSES)


def test_another_file_than_the_original_s_is_refused(original: Path, tmp_path: Path) -> None:
    (original / "meta").write_bytes(pickle.dumps({b"fine_label_names": [b"apple"] * 100}))
    for attempt in (lambda: CIFAR100.read(original), lambda: CIFAR100.fetch_from([original], tmp_path, tmp_path)):
        with pytest.raises(StudyError, match="meta: found MD5 .*, allowed: .*, the original's"):
            attempt()


def test_an_archive_of_the_other_one_is_not_taken_for_it(tmp_path: Path) -> None:
    for name in ("cifar-10-python.tar.gz", "cifar-100-python.tar.gz"):
        (tmp_path / name).touch()
    assert [path.name for path in CIFAR100.find("", tmp_path)] == ["cifar-100-python.tar.gz"]
    assert [path.name for path in CIFAR10.find("", tmp_path)] == ["cifar-10-python.tar.gz"]
