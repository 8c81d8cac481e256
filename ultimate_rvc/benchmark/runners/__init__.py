"""What runs in the processes that are measured: one file per kind, each with a class `Runner` (see server.py)."""
