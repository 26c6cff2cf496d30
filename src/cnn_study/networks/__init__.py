"""Networks: their layers with the geometry of each, the modules, weights on disk."""
