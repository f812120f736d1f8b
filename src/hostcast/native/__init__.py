"""Kernels in C for the CPU: compiled on first use with the system's C compiler, kept in the user's cache."""

from hostcast.native.calls import CHUNKS, LONG, REAL, pointer, run_kernel
from hostcast.native.library import Kernels, load_kernels, run_chunks

__all__ = ["CHUNKS", "LONG", "REAL", "Kernels", "load_kernels", "pointer", "run_chunks", "run_kernel"]
