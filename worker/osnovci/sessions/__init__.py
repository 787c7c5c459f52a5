"""Sessions of a web application in Redis, and what browsers are handed for them.

For applications: `middleware.Sessions`, which goes into the runtime, and `visit.Visit`, which a route
finds in `scope["osnovci.session"]`. Behind them, from the bottom: `operations` (each one round trip,
as a value) over the scripts, `stores` that run them, `keys` and `tokens` (what is signed), `cookies`.
"""
