"""Stage 9: many runs. Several processes can share the runs, and interrupted or failed runs can continue."""
