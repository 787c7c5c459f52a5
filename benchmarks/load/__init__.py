"""The seed's load test, by Artillery, against the homework application of `make up`."""
