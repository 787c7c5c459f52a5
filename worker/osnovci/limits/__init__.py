"""Rate limits: all that match a request in one script call, exact, on Redis's clock.

For applications: `limit.Limit`, and `client` (`Limits` for threads, `AsyncLimits`), or the `WebLimits`
of `osnovci.web.limits`. Behind them: limit and check.lua (what is asked of Redis), guard (what is
decided around it: deny cache, breaker, failure mode), local (counting without Redis), line (one
connection for all requests), policies, matching and clients (what a request meets), fields (what an
answer tells), denials (statistics).
"""
