"""What holds for all tests."""

from hypothesis import settings

# No test asserts how fast it is: the machine may do something else meanwhile.
settings.register_profile("osnovci", deadline=None)
settings.load_profile("osnovci")
