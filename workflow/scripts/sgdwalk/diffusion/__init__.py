"""Mean squared displacement, its nulls and its regimes with their exponents."""
