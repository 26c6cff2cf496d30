"""Mistakes that a user can mend."""


class StudyError(Exception):
    """Something that the user can mend. Its text is one line for each mistake."""
