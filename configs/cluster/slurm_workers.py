"""Dask workers under Slurm, for `outcome … --scheduler ADDRESS` (docs/cluster.md).

    python configs/cluster/slurm_workers.py --jobs 4 --memory 4GB --walltime 04:00:00 [--partition NAME] [--gpus]

Run it where jobs may be submitted. It starts a scheduler, submits one Slurm job a worker, prints the address on stdout
and stays until it is stopped (Ctrl-C, or --seconds); its jobs end with it. One case at a time a worker; with --gpus
each worker has a GPU of its own, on which a network stays loaded from case to case.
"""

from __future__ import annotations

import argparse
import sys
import time

from dask_jobqueue import SLURMCluster

# libraries would start as many threads as the node has cores, in each of its workers
ONE_THREAD = [
    f"export {name}=1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
]


def cluster(asked: argparse.Namespace) -> SLURMCluster:
    """A scheduler in this process; each Slurm job holds one worker with one thread."""
    return SLURMCluster(
        cores=1,
        processes=1,
        memory=asked.memory,
        walltime=asked.walltime,
        queue=asked.partition,
        interface=asked.interface,
        python=sys.executable,
        job_script_prologue=ONE_THREAD,
        job_extra_directives=["--gres=gpu:1"] if asked.gpus else [],
        log_directory=asked.logs,
        scheduler_options={"dashboard_address": asked.dashboard},
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, help="workers, each a Slurm job")
    parser.add_argument("--memory", default="4GB", help="of each job")
    parser.add_argument("--walltime", default="04:00:00")
    parser.add_argument("--partition", help="default: Slurm's own")
    parser.add_argument("--interface", help="network interface by which nodes see each other, such as ib0 or eth0")
    parser.add_argument("--gpus", action="store_true", help="one GPU for each worker")
    parser.add_argument("--logs", default="slurm_logs", help="folder of the jobs' output")
    parser.add_argument("--dashboard", default=":0", help="address of Dask's page; :0 takes any free port")
    parser.add_argument("--seconds", type=float, help="end by itself after so long")
    parser.add_argument("--show-job", action="store_true", help="print the job script and end")
    asked = parser.parse_args()
    with cluster(asked) as started:
        if asked.show_job:
            sys.stdout.write(started.job_script())
            return 0
        started.scale(jobs=asked.jobs)
        sys.stdout.write(f"{started.scheduler_address}\n")
        sys.stdout.flush()
        end = time.monotonic() + asked.seconds if asked.seconds else float("inf")
        try:
            while time.monotonic() < end:
                time.sleep(1)
        except KeyboardInterrupt:
            sys.stderr.write("ending the jobs\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
