"""Walks from elsewhere: series of checkpoints that anybody's training saved."""
