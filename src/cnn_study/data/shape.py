"""The shape of every image here, and how many classes there are."""

CHANNELS = 3
IMAGE_SIZE = 32  # pixels: every data set here is 32x32 with three channels
CLASSES = 10
