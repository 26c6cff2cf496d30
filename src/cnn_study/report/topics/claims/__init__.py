"""The claims of the original report, each checked against the measured numbers."""
