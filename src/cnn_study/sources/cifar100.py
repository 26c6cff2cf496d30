"""CIFAR-100, with its 100 fine classes."""

from cnn_study.sources.cifar import CHANNELS, SIZE, Cifar
from cnn_study.sources.source import Source

CLASSES = (  # as its file has them
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl",
    "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair",
    "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin",
    "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp",
    "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
    "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck",
    "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
    "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel",
    "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
)  # fmt: skip
CIFAR100 = Cifar(
    title="CIFAR-100",
    torchvision="CIFAR100",
    variable="CIFAR100_ARCHIVE",
    folder="cifar-100-python",
    train=("train",),
    test="test",
    names="meta",
    labels_key=b"fine_labels",
    names_key=b"fine_label_names",
    sibling="cifar-10-",
)
SOURCE = Source(50_000, 10_000, CHANNELS, SIZE, CLASSES, CIFAR100.fetch, CIFAR100.read)
