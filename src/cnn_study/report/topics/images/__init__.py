"""What the networks learned from and were tested on: classes, and images that were in two splits."""
