from __future__ import annotations

import pytest

from x_sandbox.api import account_activity, activity, media, posts, reposts, timelines, users, webhooks
from x_sandbox.authentication import APP_ONLY, OAUTH1, OAUTH2
from x_sandbox.exchange import Operation
from x_sandbox.schemas import (
    CREATE_POST,
    CREATE_SUBSCRIPTION,
    CREATE_WEBHOOK,
    HIDE_REPLY,
    INITIALIZE_UPLOAD,
    REPLAY,
    REPOST,
    UPDATE_SUBSCRIPTION,
    Schema,
)

OPERATIONS = [
    *posts.OPERATIONS,
    *reposts.OPERATIONS,
    *media.OPERATIONS,
    *timelines.OPERATIONS,
    *users.OPERATIONS,
    *webhooks.OPERATIONS,
    *activity.OPERATIONS,
    *account_activity.OPERATIONS,
]
SCHEMES = {OAUTH1: "UserToken", OAUTH2: "OAuth2UserToken", APP_ONLY: "BearerToken"}
LEGACY = {"tweet.fields"}


@pytest.fixture(autouse=True)
def _document(openapi) -> None:
    if openapi is None:
        pytest.skip("X's OpenAPI document is not beside the checkout (../shared/x-api/openapi-2.167.json)")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_admits_whom_the_document_admits(openapi, operation: Operation) -> None:
    security = {
        name: scopes for item in openapi.described(operation)["security"] for name, scopes in item.items()
    }
    assert {SCHEMES[means] for means in operation.means} == set(security)
    if OAUTH2 in operation.means:
        assert set(operation.scopes) == set(security["OAuth2UserToken"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_knows_the_query_parameters_of_the_document(openapi, operation: Operation) -> None:
    assert set(operation.query) - LEGACY == openapi.query_parameters(operation)


@pytest.mark.parametrize(
    ("ours", "name"),
    [
        (CREATE_POST, "CreatePostsRequest"),
        (INITIALIZE_UPLOAD, "InitializeMediaUploadRequest"),
        (HIDE_REPLY, "HidePostsReplyRequest"),
        (REPOST, "RepostPostRequest"),
        (CREATE_WEBHOOK, "CreateWebhooksRequest"),
        (REPLAY, "CreateWebhookReplayJobRequest"),
        (CREATE_SUBSCRIPTION, "CreateActivitySubscriptionRequest"),
        (UPDATE_SUBSCRIPTION, "UpdateActivitySubscriptionRequest"),
    ],
)
def test_a_body_has_the_fields_and_limits_of_the_document(openapi, ours: Schema, name) -> None:
    assert same(ours, openapi.schema(name), openapi) == []


def same(ours: Schema, theirs: Schema, openapi, where: str = "$") -> list[str]:
    """List the places where our table and the document differ."""
    if "$ref" in theirs:
        theirs = openapi.schema(theirs["$ref"].rpartition("/")[2])
    theirs = {
        **theirs,
        "required": set(theirs.get("required", ())),
        "properties": theirs.get("properties", {}),
    }
    unit = {"array": "Items", "string": "Length"}.get(ours["type"])
    least, most = (f"min{unit}", f"max{unit}") if unit else ("minimum", "maximum")
    pairs = {
        "type": (ours["type"], theirs["type"]),
        "required": (set(ours.get("required", ())), theirs["required"]),
        "least": (ours.get("min"), theirs.get(least)),
        "most": (ours.get("max"), theirs.get(most)),
        "values": (sorted(ours.get("enum", ())), sorted(theirs.get("enum", ()))),
        "pattern": (f"^{ours['pattern']}$" if "pattern" in ours else None, theirs.get("pattern")),
        "members": (set(ours.get("properties", ())), set(theirs["properties"])),
    }
    found = [f"{where}: {what} is {a}, not {b}" for what, (a, b) in pairs.items() if a != b]
    for name, member in ours.get("properties", {}).items():
        found += same(member, theirs["properties"][name], openapi, f"{where}.{name}")
    if "items" in ours:
        found += same(ours["items"], theirs["items"], openapi, f"{where}[]")
    return found
