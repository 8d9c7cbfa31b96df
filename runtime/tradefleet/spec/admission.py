"""The ValidatingAdmissionPolicy that asks for the permission `loosen`, written from the spec itself.

Whoever may update a TradingBot may tighten its limits and engage its kill switch. To make a limit
less strict, to clear a latch, or to create a live bot one also needs the verb `loosen` on that bot.
Which edits those are follows from `tightens` beside each field, as in `reload.changes`.

Creating: a live bot needs the permission whatever its limits are, so that deleting and creating it
anew goes round nothing. A bot that is not live has no money to lose and may be created with any
limits. Clearing a latch always needs it, since a latch belongs to the account and outlives the bot.

`make crds` writes crds/admission.yaml. The server evaluates objects with their defaults, so that a
null or a missing section is judged as what it means. A policy that does not compile admits
everything in silence: whoever installs it must see it deny once.
"""

import typing
from typing import Any

from tradefleet.spec.bot import API_VERSION, KIND
from tradefleet.spec.fields import Tightens
from tradefleet.spec.schema_walk import Leaf, leaves

NAME = "tradefleet-loosen"
VERB = "loosen"

GROUP = API_VERSION.split("/")[0]
RESOURCE = "tradingbots"
_LABELS = {"app.kubernetes.io/name": "tradefleet"}
_MAY_LOOSEN = (
    f"authorizer.group('{GROUP}').resource('{RESOURCE}').namespace(request.namespace)"
    f".name(object.metadata.name).check('{VERB}').allowed()"
)
_MESSAGE = (
    f"'{KIND} ' + object.metadata.name + ': loosening ' + variables.loosened.join(', ') + "
    f"' needs the permission {VERB}, which ' + request.userInfo.username + ' does not have on it'"
)
_API = "admissionregistration.k8s.io/v1"


def policy() -> dict[str, Any]:
    """The policy; it does nothing without its binding."""
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": NAME, "labels": _LABELS},
        "spec": {
            # An edit that cannot be judged is refused: the kill switch's has its way by the CLI as well.
            "failurePolicy": "Fail",
            # The resource alone: `tradingbots/status` is another one, so that a status needs no permission.
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [GROUP],
                        "apiVersions": ["*"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": [RESOURCE],
                    }
                ]
            },
            "variables": [
                {"name": "now", "expression": "object.spec"},
                {"name": "loosened", "expression": loosened()},
            ],
            "validations": [
                {
                    "expression": f"variables.loosened.size() == 0 || {_MAY_LOOSEN}",
                    "messageExpression": _MESSAGE,
                    "message": f"loosening limits of a {KIND} needs the permission {VERB}",
                    "reason": "Forbidden",
                }
            ],
            "auditAnnotations": [
                {
                    "key": "loosened",
                    # Empty text leaves the annotation out.
                    "valueExpression": "variables.loosened.join(', ')",
                }
            ],
        },
    }


def binding() -> dict[str, Any]:
    """Puts the policy in force in every namespace."""
    return {
        "apiVersion": _API,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": NAME, "labels": _LABELS},
        "spec": {"policyName": NAME, "validationActions": ["Deny"]},
    }


def loosened() -> str:
    """The list, in CEL, of the names of what an edit loosens; empty when it loosens nothing."""
    created = [_named_if(_loose_from_the_start(leaf), leaf) for leaf in _asked_of_a_new_bot()]
    updated = [_named_if(_looser_than_before(leaf), leaf) for leaf in limits()]
    live = "variables.now.mode == 'live'"
    became_live = f"{live} && oldObject.spec.mode != 'live'"
    return (
        "(request.operation == 'CREATE'\n"
        f"? [{live} ? 'mode' : '',\n{_lines(created)}]\n"
        f": [{became_live} ? 'mode' : '',\n{_lines(updated)}]\n"
        ").filter(name, name != '')"
    )


def limits() -> tuple[Leaf, ...]:
    """Every field of which an edit can loosen something, besides the mode."""
    return tuple(leaf for leaf in leaves() if leaf.about.tightens is not None)


def _asked_of_a_new_bot() -> list[Leaf]:
    """Switches and names whose strict value is false or empty, and not the numbers."""
    return [leaf for leaf in limits() if leaf.member.type in (bool, str)]


def _named_if(condition: str, leaf: Leaf) -> str:
    return f"{condition} ? '{leaf.path.removeprefix('spec.')}' : ''"


def _lines(terms: list[str]) -> str:
    return ",\n".join(terms)


def _loose_from_the_start(leaf: Leaf) -> str:
    now = _now(leaf)
    return now if leaf.member.type is bool else f"{now} != ''"


def _looser_than_before(leaf: Leaf) -> str:
    now, was = _now(leaf), f"oldObject.{leaf.path}"
    match leaf.about.tightens:
        case Tightens.LOWER if leaf.member.type is bool:
            return f"{now} && !{was}"
        case Tightens.LOWER:
            return f"{now} > {was}"
        case Tightens.HIGHER:
            return f"{now} < {was}"
        case Tightens.EMPTY:
            return f"{now} != '' && {now} != {was}"
        case Tightens.FIRST:
            strict = next(iter(leaf.member.type)).value
            return f"{now} != '{strict}' && {now} != {was}"
    if typing.get_origin(leaf.member.type) is dict:  # of lists, which are sets
        same = f"{now}.all(key, key in {was} && sets.equivalent({now}[key], {was}[key]))"
        return f"!({now}.size() == {was}.size() && {same})"
    return f"{now} != {was}"


def _now(leaf: Leaf) -> str:
    return f"variables.now{leaf.path.removeprefix('spec')}"
