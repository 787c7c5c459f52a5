"""PostgreSQL on asyncpg, with a pool whose size changes while it is in use.

For applications: database (Database), transaction (transaction), settings, errors.
Behind it: pool (who has which connection), connection (what is lent), replica (which reads may
go to a copy); pure: fingerprint, retries, and the rules of replica.
"""
