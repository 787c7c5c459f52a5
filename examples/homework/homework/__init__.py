"""The homework platform's background work: an example of an application on Osnovci."""
