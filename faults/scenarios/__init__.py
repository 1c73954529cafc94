"""Every module here has `FAULTS`, what it can do to the system."""
