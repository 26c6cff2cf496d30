"""What the runs have come to: results, estimates, comparisons, what the networks make of images."""
