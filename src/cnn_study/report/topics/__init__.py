"""One question each: its table, its charts, its sentences, its section of the page."""
