"""Jobs: a queue worker that speaks rq's keys, and the API by which applications use it."""
