"""CIFAR-10."""

from cnn_study.sources.cifar import CHANNELS, SIZE, Cifar
from cnn_study.sources.source import Source

CLASSES = (  # as its file has them
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CIFAR10 = Cifar(
    title="CIFAR-10",
    torchvision="CIFAR10",
    variable="CIFAR10_ARCHIVE",
    folder="cifar-10-batches-py",
    train=tuple(f"data_batch_{number}" for number in range(1, 6)),
    test="test_batch",
    names="batches.meta",
    labels_key=b"labels",
    names_key=b"label_names",
    sibling="cifar-100",
)
FILES, local_copies, unreachable = CIFAR10.files, CIFAR10.local_copies, CIFAR10.unreachable
SOURCE = Source(50_000, 10_000, CHANNELS, SIZE, CLASSES, CIFAR10.fetch, CIFAR10.read)
