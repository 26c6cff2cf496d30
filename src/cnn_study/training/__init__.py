"""Training: recipes, the loop and all that it computes with."""
