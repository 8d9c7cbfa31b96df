"""`python -m tradefleet_operator.prove NAMESPACE`: shows that making a live bot is refused to us.

The chart runs it after each install, as an account that may write bots and may not loosen them. A policy
that does not compile admits everything in silence, so that only a refusal proves it. Dry runs: nothing is
made. Exit status 0: the policy denies what it must, and allows what it may.
"""

import asyncio
import sys
import time
from typing import Any, Final

from tradefleet_operator.api import Api, ApiAway, NoCluster, NotAllowed, connect

PATIENCE_S: Final = 60.0
"""A policy is in force about a second after it is written; resources, when they are served."""


async def prove(api: Api, namespace: str, patience_s: float = PATIENCE_S) -> str:
    """What is wrong; "" when the policy does what it must."""
    deadline = time.monotonic() + patience_s
    problem = "nothing was tried"
    while time.monotonic() < deadline:
        problem = await _problem(api, namespace)
        if not problem:
            return ""
        await asyncio.sleep(1.0)
    return problem


async def _problem(api: Api, namespace: str) -> str:
    try:
        await api.try_to_create(_bot(namespace, mode="paper"))
    except ApiAway as error:
        return f"a paper bot cannot be made: {error}"
    try:
        await api.try_to_create(_bot(namespace, mode="live", confirmLive=True))
    except NotAllowed as error:
        return "" if "loosen" in str(error) else f"a live bot is refused, but not for want of loosen: {error}"
    except ApiAway as error:
        return f"a live bot is refused, but not by the policy: {error}"
    return "a live bot can be made without the permission loosen: the policy does not deny"


def _bot(namespace: str, **spec: Any) -> dict[str, Any]:
    endpoints = {
        "rest": "http://prove.invalid",
        "publicStream": "ws://prove.invalid",
        "privateStream": "ws://prove.invalid",
    }
    return {
        "apiVersion": "tradefleet.dev/v1alpha1",
        "kind": "TradingBot",
        "metadata": {"name": "prove-admission", "namespace": namespace},
        "spec": {"universe": {"symbols": ["BTCUSDT"]}, "exchange": {"endpoints": endpoints}, **spec},
    }


async def _main(namespace: str) -> int:
    api = connect()
    try:
        problem = await prove(api, namespace)
    finally:
        await api.close()
    print(problem or "the policy denies loosening, and allows what does not loosen")
    return 1 if problem else 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(_main(sys.argv[1])))
    except (IndexError, NoCluster) as error:
        print(f"prove: {error or 'name the namespace'}", file=sys.stderr)
        sys.exit(2)
