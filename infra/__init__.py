import sys

# httpx imports a command line of its own (click and rich, a tenth of a cold start) where it can.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
