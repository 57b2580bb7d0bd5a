"""The networks of the study, by name."""
