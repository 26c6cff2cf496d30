"""How kernel size and depth change a small convolutional network."""
