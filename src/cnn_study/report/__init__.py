"""What is shown of it: tables, charts, pictures, sentences, the page."""
