"""How results lie on disk: HDF5 that says what it holds, whole or not at all; tables; VTK."""
