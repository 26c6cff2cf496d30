"""Whether gradients vanish or explode on their way to the first layer, and what keeps them."""
