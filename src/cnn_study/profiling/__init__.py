"""What a network costs and sees, from its spec alone."""
