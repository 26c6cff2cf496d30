"""What the first filters look for, and what becomes of an image layer by layer."""
