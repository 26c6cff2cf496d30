"""The training stages on many machines, with Ray: ``make study ENGINE=ray``.

``driver`` asks DVC (``pipeline``) which of tune@*, replay@* and train@* are out of date, and hands them out as
tasks. ``node`` runs a task where Ray places it; in it, ``child`` runs the stage, as ``dvc repro`` does.
``outputs`` puts what comes back where the stage would have.
"""
