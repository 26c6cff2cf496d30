"""Which classes are taken for which, and whether a network knows how sure to be."""
