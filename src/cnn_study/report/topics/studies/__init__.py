"""What a study compares: accuracy and cost of its networks, its controls, classes helped and hurt."""
