"""What holds for all tests."""

from hypothesis import settings

# No test asserts how fast it is: the machine may do something else meanwhile.
settings.register_profile("osnovci", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=20)
settings.load_profile("osnovci")
