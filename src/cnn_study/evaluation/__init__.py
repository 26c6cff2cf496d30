"""What trained networks make of the test images: predictions, effective receptive fields, activations."""
