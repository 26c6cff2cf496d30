"""The claims of the report that this study redoes, each checked against the measured numbers."""
