"""Cron schedules: when they are due, and the one script that fires them.

For the operator and the worker alike: cron (moments), timetable (what to ask Redis, and how its
answer is read), firing (asks it). Whoever asks, a moment fires at most once.
"""
