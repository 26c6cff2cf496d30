"""The training stages on many machines, with Ray: ``make study ENGINE=ray``.

``driver`` asks ``ledger`` (DVC) which of tune@* and train@* are out of date and hands them out, one task for
each search and for each seed; ``node`` runs a task where Ray places it; ``child`` is the process that it
starts there: the stage itself, as ``dvc repro`` runs it.
"""
