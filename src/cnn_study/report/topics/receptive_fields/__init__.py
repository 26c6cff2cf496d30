"""How much of the image a unit can see, and how much of that counts."""
