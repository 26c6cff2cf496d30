"""Raw data sets: where they come from, that they are the right ones, how they are read."""
