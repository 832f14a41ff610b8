"""Stage 3: words to vectors."""
