"""How kernel size and depth change a small convolutional network."""

__version__ = "0.2.0"
