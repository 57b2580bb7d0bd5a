"""What the Snakefile needs to plan a study: its config, its runs, its code's fingerprints."""
