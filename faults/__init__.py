"""Faults of promtsdb: `python -m faults --help`. Not part of the installed package."""
