"""What holds for all tests."""

import gc

from hypothesis import settings

# No test asserts how fast it is: the machine may do something else meanwhile.
settings.register_profile("osnovci", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=20)
settings.load_profile("osnovci")

# To collect thousands of tests makes much and drops next to nothing: a fifth of its time was here.
gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage among what is made from now on."""
    gc.freeze()
    gc.enable()
