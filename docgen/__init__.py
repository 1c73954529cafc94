"""Write the pages of docs/reference/ from the code; nothing of it is installed."""
