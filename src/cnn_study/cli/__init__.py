"""The command cnn-study."""
