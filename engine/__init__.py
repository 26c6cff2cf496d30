"""Stages of networks on many machines, with Ray: ``make study ENGINE=ray``.

``driver`` asks DVC (``pipeline``) which of them are out of date, and hands them out as tasks. ``node`` runs a task
where Ray places it; in it, ``child`` runs the stage, as ``dvc repro`` does. ``outputs`` puts what comes back where
the stage would have.
"""

import os

# Ray takes the network's address for 127.0.0.1 unless told before it is imported that there is one machine only.
if not os.environ.get("RAY_ADDRESS"):
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
