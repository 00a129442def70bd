"""How fast the machine is now: shared cores are faster in one hour than in another, and no counter says so."""

import hashlib
import json
import time

# What a backend does most: text to objects and back, and a hash of it.
_PROFILE = {
    "id": "65f0c0ffee65f0c0ffee",
    "bio": "Coffee, climbing, and long walks by the river. " * 3,
    "location": [13.405, 52.52],
    "photos": [{"id": str(number), "width_px": 640, "height_px": 800} for number in range(8)],
}
_TIMES = 30


def reference_work_cpu_ms() -> float:
    """Do a fixed piece of work; the milliseconds of CPU that it took, about one.

    Waiting for a core does not count. What does is a slower clock, and a neighbour on the other half of a core, which
    this feels more than a backend does: twice the CPU here, a third more for a request. Only figures of one Python
    version compare.
    """
    start_s = time.thread_time()
    for _ in range(_TIMES):
        text = json.dumps(_PROFILE)
        hashlib.sha256(text.encode()).digest()
        json.loads(text)
    return (time.thread_time() - start_s) * 1000
