"""One run from an empty directory to its verdict: install, drive, revisit, check, audit, scan."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from judge.audit import audit, dump, scan
from judge.checker import Verdict, check
from judge.faults import FAULT_RUNS
from judge.further_runs import FURTHER_RUNS
from judge.history import read
from judge.installation import installed
from judge.key_runs import KEY_RUNS
from judge.model import Model
from judge.postgres_runs import POSTGRES_RUNS
from judge.progress import Progress
from judge.runs import RUNS, Bench, revisit
from judge.traffic.judging import judge_traffic
from judge.traffic.runs import TRAFFIC_RUNS
from postgres_server import PostgresServer

Run = Callable[[Bench], Awaitable[int]]
AUTHORIZATION_RUNS: dict[str, Run] = {**RUNS, **FURTHER_RUNS, **FAULT_RUNS, **KEY_RUNS, **POSTGRES_RUNS}
ALL_RUNS = (*AUTHORIZATION_RUNS, *TRAFFIC_RUNS)
"""The names of all runs."""


@dataclass(frozen=True)
class Result:
    """What came of one run."""

    name: str
    cases: int
    seconds: float
    verdict: Verdict
    directory: Path

    def broken(self) -> set[int]:
        """Return the numbers of the invariants that broke."""
        return {each.invariant for each in self.verdict.breaks}


async def judge(
    name: str,
    count: int,
    directory: Path,
    *,
    seed: int = 1,
    racers: int = 16,
    clients: int = 16,
    where: str = "",
    patience_seconds: float = 15,
    weakness: str = "",
    server: PostgresServer | None = None,
    policy: Mapping[str, int] | None = None,
    say: Callable[[str], None] | None = None,
) -> Result:
    """Do one run by name and judge it; `say` hears now and then how far it is."""
    began = time.monotonic()
    progress = Progress(name, count, say)
    if name in TRAFFIC_RUNS:
        given = {"seed": seed, "where": where, "weakness": weakness, "patience_seconds": patience_seconds}
        cases, verdict = await judge_traffic(name, count, directory, progress=progress, **given)
        return Result(name, cases, time.monotonic() - began, verdict, directory)
    async with installed(directory, weakness=weakness, server=server, policy=policy) as installation:
        bench = Bench(
            installation,
            count,
            seed=seed,
            racers=racers,
            clients=clients,
            where=where,
            patience_seconds=patience_seconds,
            progress=progress,
        )
        try:
            cases = await AUTHORIZATION_RUNS[name](bench)
            await revisit(bench)
        finally:
            await bench.close()
        operations = read(directory.glob("*.jsonl"))
        verdict = check(operations, installation.policy)
        async with installation.store() as store:
            verdict.breaks.extend(await audit(Model(operations, installation.policy), store))
            if server is not None:
                await dump(store, directory / "records.dump")
        verdict.fed[9] += len(installation.recorder.secrets)
        verdict.breaks.extend(await scan(installation.recorder.secrets, directory))
    return Result(name, cases, time.monotonic() - began, verdict, directory)
