"""Page, palette, wording: nothing here knows a topic."""
