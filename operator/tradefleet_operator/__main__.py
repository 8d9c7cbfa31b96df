"""`python -m tradefleet_operator`: watch the bots and keep them as they should be.

Exit status 0: stopped when told. 1: something broke; the container is started again and loses nothing,
since it remembers nothing. 2: its settings cannot be used.
"""

import asyncio
import logging
import os
import signal
import sys

import kopf
import structlog

from tradefleet_operator.api import NoCluster, connect
from tradefleet_operator.handlers import registry
from tradefleet_operator.reconciler import WORKERS, Reconciler
from tradefleet_operator.settings import OperatorSettings, SettingsUnusable, from_environment
from tradefleet_operator.store import Store

log = structlog.get_logger("tradefleet_operator")


async def run(settings: OperatorSettings) -> None:
    """Until SIGTERM or SIGINT; raises NoCluster, and whatever breaks."""
    api = connect()
    reconciler = Reconciler(Store(), api, settings.runtime_image, settings.pull_secrets)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watching = kopf.operator(
        registry=registry(reconciler),
        settings=_quiet(settings.watch_s),
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        standalone=True,
        liveness_endpoint=f"http://0.0.0.0:{settings.health_port}/healthz" if settings.health_port else None,
        stop_flag=stop,
    )
    log.info("operator_started", image=settings.runtime_image, namespaces=settings.namespaces or "all")
    endless = [reconciler.work() for _ in range(WORKERS)] + [_resync(reconciler, settings.resync_s)]
    tasks = [asyncio.create_task(one) for one in endless]
    kopf_task = asyncio.create_task(watching)
    try:
        done, _ = await asyncio.wait({kopf_task, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        stop.set()
        for task in tasks:
            task.cancel()
        await asyncio.wait({kopf_task, *tasks}, timeout=5.0)
        await api.close()
    log.info("operator_stopped", applied=reconciler.applied, failed=reconciler.failed)


async def _resync(reconciler: Reconciler, period_s: float) -> None:
    """Nothing should need it; a watch that lost a word does."""
    while True:
        await asyncio.sleep(period_s)
        reconciler.mark_all()


def _quiet(watch_s: float) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    # A watch that hears nothing is made again: a connection can be lost without a word.
    settings.watching.server_timeout = int(watch_s)  # the API server reads no fraction
    settings.watching.client_timeout = watch_s * 9 / 8
    settings.watching.connect_timeout = 5
    # Not worker_limit: kopf deadlocks with it once there are as many indexed objects (its issue 1243).
    return settings


def _configure_logs(level: str) -> None:
    logging.basicConfig(level=level.upper(), format="%(levelname)s %(name)s %(message)s")
    # Not a line for each request, probe and event.
    for name in ("kopf.objects", "httpx2", "httpcore2", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
    )


def main() -> int:
    """The exit status."""
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__)
        print("Settings come by the environment:", OperatorSettings.__doc__)
        return 0
    try:
        settings = from_environment(os.environ)
    except SettingsUnusable as error:
        print(f"operator: {error}", file=sys.stderr)
        return 2
    _configure_logs(settings.log_level)
    try:
        asyncio.run(run(settings))
    except NoCluster as error:
        print(f"operator: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
