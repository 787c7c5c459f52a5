"""How many workers a pool needs so that no job waits longer than a target. Pure: no I/O, no clock.

`policy.decide` is the whole interface; the operator and `osnovci simulate` call the same function.
Times are seconds. Names are those of queueing theory: arrival rate, mean service, offered load
(rate x mean service: the slots that are busy on average), servers (slots).
"""
