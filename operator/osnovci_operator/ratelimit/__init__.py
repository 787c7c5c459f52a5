"""RateLimitPolicy: limits of an app's requests, which its pods enforce."""
