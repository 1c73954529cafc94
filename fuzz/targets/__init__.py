"""One module a target: `check` takes bytes and raises for what may never happen."""
