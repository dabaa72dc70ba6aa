"""Random fault schedules against the real operators, with a checker of charges, results and final states.

A *schedule* is made from a seed: how the task is set (deferrable or not, retries, its ``on_…`` settings), which faults
the gateway plays, at which places executions die, when the state store does not answer or hides the record, when a
person clears, when the rendered request changes, when a worker is given up and comes back. It is carried out, then all
faults end and a person does what the errors say until the result is there. ``checker.py`` watches: no charge without a
reason that the schedule itself gave, no paid result that is lost, no end without a typed error, no key elsewhere; and no
paid request without an intent that the store acknowledged, no intent overwritten, no deferral for a job that the ledger
does not know.

The gateways and the ways to pay them stand in ``gateway_profiles.py``: half of the schedules are Orux AI's, a quarter YEScale's, a
quarter OpenGPU Relay's of both generations. ``mutations.py`` holds deliberate defects of the provider; the checker has
to see each of them, as a violation of the kind that it is.

What is real: the operators (``execute``, ``resume_execution``), the trigger (``OruxJobTrigger.run``, rebuilt from its
serialized form), hook, client, storage; and the gateway, the sandbox, over HTTP. What is simulated, because a real
Airflow costs seconds for each execution (the crash suite, ``tests/crash``, runs that): the scheduler and the
execution API, in ``airflow_model.py``: task instance ids that change on retry and clear, ``try_number`` and
``max_tries`` as Airflow sets them, XComs that go with a try, and the state store with its JSON round trip and its
fence (a write with a stale id fails, a read with one finds nothing). Two differences remain: an execution that dies is
a ``BaseException`` raised at the place, so ``finally`` blocks still run, which SIGKILL does not allow; and the pauses
before a retry or a reschedule are left out. ``WRITE_PATIENCE`` of the ledger is 2 s here instead of 60.

    python -m tests.chaos --seeds 200 --start 0
    python -m tests.chaos --seeds 1 --start 17 --verbose       one schedule, told step by step
    python -m tests.chaos --seeds 60 --mutate fence-gone       with a defect: violations are wanted
"""
