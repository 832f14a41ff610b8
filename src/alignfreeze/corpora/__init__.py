"""Stage 1: text in. Bitext, annotated sentences, words, and the embedded mini corpus."""
