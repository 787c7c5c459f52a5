"""The engine of a worker: takes jobs, runs them in processes, threads or coroutines, ends them.

worker      composes the rest and lives as long as the pod
loop        the turns: end, take, hand out          keeper      renews the lease, once a second
turns       what a turn sends and reads             wakeups     how an idle engine learns of work
process     child processes, from one nursery       inline      threads and coroutines
child       what runs in a child                    body        one job's function and callbacks
"""
