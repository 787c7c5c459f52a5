"""What runs around a web application in its pod: health, shedding, drain, heartbeats, config.

For applications: `runtime.WebRuntime`, the middleware. For pods: `server`, which is `osnovci serve`, and
`loading`, which finds the application.
Behind the middleware: traffic and replica (what a request touches), pulse and link (what happens
once a second), examination (/api/health), drain (the stop).
"""
