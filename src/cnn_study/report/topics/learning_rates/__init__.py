"""How much a ranking owes to the learning rate that all networks were given."""
