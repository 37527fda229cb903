"""The account API's fixtures serve the attacks, too."""

from tests.functions.conftest import account, firebase_key

__all__ = ["account", "firebase_key"]
