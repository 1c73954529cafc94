"""Pictures of the real UI: a stack, a history, a headless Chromium."""

from __future__ import annotations
