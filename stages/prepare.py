"""data/raw/ -> data/prepared/{train,validation,test}/: uint8 images, labels, names of data set and classes.

What sees no images needs their shape, the labels of the test images and the names: results/data/.
"""

from pathlib import Path

import numpy as np

from cnn_study.base.errors import StudyError
from cnn_study.base.files import whole_folder
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.data.shape import save_shape
from cnn_study.data.splits import Names, Split, balanced_subset, save_labels, save_split
from cnn_study.sources.datasets import Data

RAW = Path("data/raw")
PREPARED = Path("data/prepared")
RESULTS = Path("results/data")


def main() -> None:
    data = parse(Data, section(read_yaml(), "data"), "data")
    raw = data.source.read(RAW)
    names = Names(dataset=data.dataset, classes=raw.classes)

    pool = np.arange(len(raw.train_labels))
    if data.train_images != "all":
        pool = balanced_subset(raw.train_labels, data.train_images, data.split_seed)
    held_out = round(len(pool) * data.validation_fraction)
    validation = pool[balanced_subset(raw.train_labels[pool], held_out, data.split_seed)]
    train = np.setdiff1d(pool, validation)
    test = np.arange(len(raw.test_labels))
    if data.test_images != "all":
        test = balanced_subset(raw.test_labels, data.test_images, data.split_seed)

    if len(np.unique(raw.train_labels[train])) < len(raw.classes):
        raise StudyError("params.yaml: data: found no training image of some class, allowed: one of each at least")
    for name, images, labels, chosen in (
        ("train", raw.train_images, raw.train_labels, train),
        ("validation", raw.train_images, raw.train_labels, validation),
        ("test", raw.test_images, raw.test_labels, test),
    ):
        split = Split(images[chosen], labels[chosen], names)
        if split.shape != data.source.shape:  # by which params.yaml was checked
            raise RuntimeError(f"{data.dataset}: its reader gives {split.shape!r}, not {data.source.shape!r}")
        with whole_folder(PREPARED / name) as folder:
            save_split(folder, split)
    with whole_folder(RESULTS) as folder:
        save_labels(folder, raw.test_labels[test], names)
        save_shape(folder / "shape.json", data.source.shape)


if __name__ == "__main__":
    main()
