"""What the commands do, one subject a module."""

from __future__ import annotations
