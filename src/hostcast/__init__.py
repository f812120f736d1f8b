"""hostcast: forecasts of server telemetry with Temporal Fusion Transformers."""

import os

__all__ = ["__version__"]

__version__ = "0.1.0"

# OpenMP threads that spin while they wait starve whatever shares their cores, the loader's workers first:
# on 2 busy cores training ran 4 times faster with waiting threads asleep. Read once, when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
