"""Which classes are taken for which, and whether its confidence matches its accuracy."""
