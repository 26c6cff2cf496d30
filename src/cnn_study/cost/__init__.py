"""What a training step costs: seconds, measured in turns, and operations, counted."""
