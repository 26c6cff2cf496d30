"""What is said to people: mistakes as lines, progress as bars. It changes no result: no stage depends on it."""
