"""Prepared images: how they are divided and lie on disk."""
