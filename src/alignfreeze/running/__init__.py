"""Stage 9: many runs. Processes share them, and interrupted or failed runs can continue."""
