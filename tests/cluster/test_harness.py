"""The API server of these tests is a real one: it refuses what it should refuse."""

import pytest
from tests.support.api_server import ApiClient, ApiServer, Refused


def test_rights_are_asked_for(api_server: ApiServer, namespace: str) -> None:
    stranger = api_server.client("somebody", ("system:authenticated",))

    with pytest.raises(Refused) as refused:
        stranger.get(f"/api/v1/namespaces/{namespace}/configmaps")

    assert refused.value.status == 403


def test_a_second_manager_keeps_the_firsts_fields(admin: ApiClient, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps/one"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}

    admin.apply(path, {**body, "data": {"a": "1"}}, "first")
    admin.apply(path, {**body, "data": {"b": "2"}}, "second")

    assert admin.get(path)["data"] == {"a": "1", "b": "2"}


def test_our_resources_are_served(admin: ApiClient, crds_applied: None, namespace: str) -> None:
    bots = admin.get(f"/apis/tradefleet.dev/v1alpha1/namespaces/{namespace}/tradingbots")

    assert bots["items"] == []
