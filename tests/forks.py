"""Processes that are forked from one that has imported what they need, so that they start at once: they are there to be killed."""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
# All of them here: there is one such process, and its list is the last that was set.
FORKS.set_forkserver_preload(["tests.stores.posting_process", "tests.journeys.serving_process"])
