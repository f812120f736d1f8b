"""Kernels in C for the CPU: compiled on first use with the system's C compiler, kept in the user's cache."""

from hostcast.native.library import Kernels, load_kernels, run_chunks

__all__ = ["Kernels", "load_kernels", "run_chunks"]
