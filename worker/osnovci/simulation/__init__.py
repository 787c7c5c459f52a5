"""A discrete-event simulation of a pool under scaling policies: what `osnovci simulate` runs."""
