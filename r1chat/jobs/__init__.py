"""Jobs: questions that are answered in the background, by a process for each model.

A job is a folder of files for this user alone: what is asked (`order.py`), what the reply has said
so far, and how it ended (`folder.py`). Whoever holds a job's lock works on it; a lock dies with its
process, so that a job which was begun, has not ended and is not locked was interrupted.
"""

from r1chat.jobs.folder import ENDED, End, Job, Jobs, State
from r1chat.jobs.order import Order, options_of
from r1chat.jobs.worker_process import Care, start_waiting, submit, worker_lock

__all__ = [
    "ENDED",
    "Care",
    "End",
    "Job",
    "Jobs",
    "Order",
    "State",
    "options_of",
    "start_waiting",
    "submit",
    "worker_lock",
]
