"""Tails of gradients and of their noise: alpha-stable laws, tail indices, and their nulls."""
