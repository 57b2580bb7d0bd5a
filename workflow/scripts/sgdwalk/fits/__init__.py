"""Straight lines through logarithms, bins of pairs, and estimates with their intervals."""
