"""Stage 6: try it in other languages."""
