"""Pairing heaps (Fredman, Sedgewick, Sleator, Tarjan 1986) of jobs: inserting takes a step, removing the least a few.

A heap is the number of its least job, NOBODY when it is empty; a job is in one heap at most and holds its own links.
"""

from capacity.queueing.compiled import inlined
from capacity.queueing.model import NOBODY, Records


@inlined
def joined(jobs: Records, one: int, other: int) -> int:
    """Two heaps as one."""
    if one < 0:
        return other
    if other < 0:
        return one
    if jobs[other].key < jobs[one].key:
        one, other = other, one
    jobs[other].sibling = jobs[one].child
    jobs[one].child = other
    return one


@inlined
def without_least(jobs: Records, least: int) -> int:
    """A heap without its least: its children are joined in pairs, then the pairs from the last to the first."""
    one, pairs = jobs[least].child, NOBODY
    jobs[least].child = NOBODY
    while one >= 0:
        other = jobs[one].sibling
        jobs[one].sibling = NOBODY
        rest = NOBODY
        if other >= 0:
            rest = jobs[other].sibling
            jobs[other].sibling = NOBODY
        pair = joined(jobs, one, other)
        jobs[pair].sibling = pairs
        pairs, one = pair, rest
    heap = NOBODY
    while pairs >= 0:
        rest = jobs[pairs].sibling
        jobs[pairs].sibling = NOBODY
        heap = joined(jobs, heap, pairs)
        pairs = rest
    return heap
