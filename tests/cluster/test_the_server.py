"""The server that the other tests of this folder stand on keeps the promises that they make use of."""

import time
from datetime import UTC, datetime

import pytest
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.admissionregistration_v1 import (
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
)
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import ConfigMap
from lightkube.resources.rbac_authorization_v1 import Role, RoleBinding
from tests.support.api_server import ApiClient, ApiServer, Refused


@pytest.fixture
def client(api_server: ApiServer, namespace: str) -> Client:
    return api_server.lightkube(namespace=namespace)


def test_two_field_managers_own_a_key_each(client: Client) -> None:
    mine = ConfigMap(metadata=ObjectMeta(name="shared"), data={"mine": "1"})
    theirs = ConfigMap(metadata=ObjectMeta(name="shared"), data={"theirs": "2"})

    client.apply(mine, field_manager="me")
    client.apply(theirs, field_manager="them")
    client.apply(ConfigMap(metadata=ObjectMeta(name="shared")), field_manager="me")

    assert client.get(ConfigMap, "shared").data == {"theirs": "2"}


def test_a_service_account_may_do_what_a_role_says_and_nothing_else(
    api_server: ApiServer, client: Client, namespace: str
) -> None:
    client.create(
        Role(
            metadata=ObjectMeta(name="reader"),
            rules=[PolicyRule(apiGroups=[""], resources=["configmaps"], verbs=["get"])],
        )
    )
    client.create(
        RoleBinding(
            metadata=ObjectMeta(name="reader"),
            roleRef=RoleRef(apiGroup="rbac.authorization.k8s.io", kind="Role", name="reader"),
            subjects=[Subject(kind="ServiceAccount", name="shard", namespace=namespace)],
        )
    )
    client.create(ConfigMap(metadata=ObjectMeta(name="seen"), data={"a": "1"}))
    shard = api_server.lightkube(api_server.token_of(namespace, "shard"), namespace=namespace)

    assert shard.get(ConfigMap, "seen").data == {"a": "1"}
    with pytest.raises(ApiError, match="cannot delete resource") as refused:
        shard.delete(ConfigMap, "seen")

    assert refused.value.status.code == 403


def test_a_lease_that_somebody_else_wrote_meanwhile_is_not_taken(client: Client) -> None:
    lease = Lease.from_dict(
        {
            "metadata": {"name": "bot-executor"},
            "spec": {"holderIdentity": "one", "leaseDurationSeconds": 2, "leaseTransitions": 1},
        }
    )
    seen = client.create(lease)
    client.patch(Lease, "bot-executor", {"spec": {"holderIdentity": "two"}})

    seen.spec.renewTime = datetime.now(UTC)
    with pytest.raises(ApiError) as refused:
        client.replace(seen)

    assert refused.value.status.code == 409
    assert client.get(Lease, "bot-executor").spec.holderIdentity == "two"


def test_a_policy_written_in_cel_denies(client: Client, namespace: str) -> None:
    policy = {
        "metadata": {"name": f"no-secrets-{namespace}"},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["configmaps"],
                    }
                ]
            },
            "validations": [
                {"expression": "!has(object.data.secret)", "message": "no secret in a ConfigMap"}
            ],
        },
    }
    binding = {
        "metadata": policy["metadata"],
        "spec": {
            "policyName": policy["metadata"]["name"],
            "validationActions": ["Deny"],
            "matchResources": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
            },
        },
    }
    client.create(ValidatingAdmissionPolicy.from_dict(policy))
    client.create(ValidatingAdmissionPolicyBinding.from_dict(binding))

    def refusal() -> str:
        try:
            client.create(ConfigMap(metadata=ObjectMeta(generateName="x-"), data={"secret": "1"}))
        except ApiError as error:
            return error.status.message
        return ""

    deadline = time.monotonic() + 30
    while not (said := refusal()) and time.monotonic() < deadline:
        time.sleep(0.1)

    assert "no secret in a ConfigMap" in said


def test_a_stranger_may_read_nothing(api_server: ApiServer, namespace: str) -> None:
    stranger = api_server.client("somebody", ("system:authenticated",))

    with pytest.raises(Refused) as refused:
        stranger.get(f"/api/v1/namespaces/{namespace}/configmaps")

    assert refused.value.status == 403


def test_our_resources_are_served(admin: ApiClient, crds_applied: None, namespace: str) -> None:
    for plural in ("tradingbots", "symbolshards"):
        listed = admin.get(f"/apis/tradefleet.dev/v1alpha1/namespaces/{namespace}/{plural}")

        assert listed["items"] == []


def test_a_restricted_namespace_refuses_a_pod_that_may_run_as_root(admin: ApiClient, namespace: str) -> None:
    enforce = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    admin.merge(f"/api/v1/namespaces/{namespace}", enforce)
    pod = {"metadata": {"name": "root"}, "spec": {"containers": [{"name": "main", "image": "any"}]}}

    with pytest.raises(Refused, match="runAsNonRoot"):
        admin.create(f"/api/v1/namespaces/{namespace}/pods", pod)


def test_what_was_written_outlives_a_killed_server(interruptible: ApiServer, client: Client) -> None:
    client.create(ConfigMap(metadata=ObjectMeta(name="kept"), data={"a": "1"}))

    interruptible.stop_server()
    assert not interruptible.is_ready()
    interruptible.start_server()

    assert client.get(ConfigMap, "kept").data == {"a": "1"}


def test_a_paused_server_answers_again_when_it_is_resumed(interruptible: ApiServer) -> None:
    interruptible.pause_server()
    while_paused = interruptible.is_ready()
    interruptible.resume_server()

    assert not while_paused
    assert interruptible.is_ready()
