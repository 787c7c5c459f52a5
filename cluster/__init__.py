"""The local Kubernetes for development and tests: `python -m cluster up`, `down`, `deploy`.

Product code never imports it. What runs lives in `paths.STATE`, one cluster a machine; what was
built lives in `paths.CACHE`, keyed by its inputs.
"""
