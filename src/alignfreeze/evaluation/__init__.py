"""Stage 7: try it in other languages, and estimate without labels how well it does."""
