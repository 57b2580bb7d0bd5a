"""The Hessian at a checkpoint, and where the walk goes among its eigenvectors."""
