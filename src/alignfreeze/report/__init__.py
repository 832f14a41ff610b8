"""Stage 12: tables, pages and notes to read."""
