"""Where images come from, and the one prepared file that all jobs of a study read."""
