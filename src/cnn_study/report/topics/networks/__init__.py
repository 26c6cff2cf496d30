"""What the networks are: their layers, to scale, and what they cost before any training."""
