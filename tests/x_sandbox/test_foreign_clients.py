"""Clients that nobody here wrote drive the sandbox: tweepy and X's own xdk."""

from __future__ import annotations

import base64
import hashlib
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import tweepy
import xdk
from requests.adapters import HTTPAdapter
from xdk.media.models import (
    AppendUploadRequest,
    CreateMetadataRequest,
    InitializeUploadRequest,
    UploadRequest,
)
from xdk.oauth1_auth import OAuth1
from xdk.posts.models import CreateRequest


class Rewriting(HTTPAdapter):
    """Sends what is meant for X's hosts to the sandbox, after it was signed for X."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request, **options):
        parts = urlsplit(request.url)
        request.url = self._url + parts.path + (f"?{parts.query}" if parts.query else "")
        return super().send(request, **options)


@pytest.fixture
def tweepy_client(sandbox) -> tweepy.Client:
    app, account = sandbox.credentials, sandbox.accounts[0]
    client = tweepy.Client(
        bearer_token=app["bearer_token"],
        consumer_key=app["api_key"],
        consumer_secret=app["api_secret"],
        access_token=account["access_token"],
        access_token_secret=account["access_token_secret"],
    )
    client.session.mount("https://", Rewriting(sandbox.url))
    return client


@pytest.fixture
def tweepy_v11(sandbox) -> tweepy.API:
    api = tweepy.API(tweepy.OAuth1UserHandler(*sandbox.keys()))
    api.session.mount("https://", Rewriting(sandbox.url))
    return api


@pytest.fixture(params=["oauth1", "oauth2"])
def xdk_client(request, sandbox) -> xdk.Client:
    app, account = sandbox.credentials, sandbox.accounts[0]
    if request.param == "oauth2":
        return xdk.Client(base_url=sandbox.url, access_token=account["oauth2"]["access_token"])
    auth = OAuth1(
        app["api_key"], app["api_secret"], "oob", account["access_token"], account["access_token_secret"]
    )
    return xdk.Client(base_url=sandbox.url, auth=auth)


def test_tweepy_creates_reads_lists_and_deletes(sandbox, tweepy_client) -> None:
    created = tweepy_client.create_tweet(text="Hello from tweepy & friends: https://example.com/ü?q=1")
    post_id = created.data["id"]
    reply = tweepy_client.create_tweet(text="and more", in_reply_to_tweet_id=post_id).data["id"]
    me = tweepy_client.get_me(user_fields=["public_metrics"]).data
    assert me.username == "alice"

    fields = ["created_at", "public_metrics", "author_id", "conversation_id", "referenced_tweets"]
    read = tweepy_client.get_tweet(
        reply, tweet_fields=fields, expansions=["referenced_tweets.id"], user_auth=True
    )
    assert read.data.conversation_id == int(post_id)
    assert read.data.public_metrics["retweet_count"] == 0
    assert read.includes["tweets"][0].id == int(post_id)

    pages = tweepy.Paginator(tweepy_client.get_users_tweets, me.id, max_results=5, tweet_fields=fields)
    assert [post.id for post in pages.flatten()] == [int(reply), int(post_id)]
    assert len(tweepy_client.search_recent_tweets("from:alice", tweet_fields=fields).data) == 2
    assert tweepy_client.delete_tweet(reply).data == {"deleted": True}
    assert [post["id"] for post in sandbox.posts()] == [post_id]


def test_tweepy_understands_refusals(sandbox, tweepy_client) -> None:
    tweepy_client.create_tweet(text="once")
    with pytest.raises(tweepy.Forbidden, match="duplicate content"):
        tweepy_client.create_tweet(text="once")
    with pytest.raises(tweepy.BadRequest, match="too long"):
        tweepy_client.create_tweet(text="x" * 281)
    sandbox.settings(limits={"POST /2/tweets": {"user": 1}})
    with pytest.raises(tweepy.TooManyRequests) as limited:
        tweepy_client.create_tweet(text="too many")
    assert limited.value.response.headers["x-rate-limit-remaining"] == "0"
    tweepy_client.bearer_token = "wrong"
    with pytest.raises(tweepy.Unauthorized):
        tweepy_client.get_tweet("1")


def test_tweepy_uploads_an_image_with_alt_text_over_v11(
    sandbox, tweepy_v11, tweepy_client, png, tmp_path
) -> None:
    (tmp_path / "teal.png").write_bytes(png)
    media = tweepy_v11.media_upload(tmp_path / "teal.png")
    assert media.media_id_string == str(media.media_id)
    assert media.image == {"image_type": "image/png", "w": 30, "h": 20}
    tweepy_v11.create_media_metadata(media.media_id, "A teal square")
    tweepy_client.create_tweet(text="pic", media_ids=[media.media_id])
    shown = sandbox.posts()[0]["media"][0]
    assert (shown["alt_text"], shown["sha256"]) == ("A teal square", hashlib.sha256(png).hexdigest())


def test_tweepy_uploads_a_video_in_segments_over_v11(
    sandbox, tweepy_v11, tweepy_client, mp4, tmp_path
) -> None:
    (tmp_path / "clip.mp4").write_bytes(mp4)
    media = tweepy_v11.media_upload(str(tmp_path / "clip.mp4"), media_category="tweet_video", chunk_size=700)
    assert media.processing_info["state"] == "succeeded"
    appended = [request for request in sandbox.requests() if request["status"] == 204]
    assert len(appended) == -(-len(mp4) // 700)
    tweepy_client.create_tweet(text="clip", media_ids=[media.media_id])
    assert sandbox.posts()[0]["media"][0]["sha256"] == hashlib.sha256(mp4).hexdigest()


def test_tweepy_understands_refusals_of_v11(sandbox, tweepy_v11, tmp_path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(tweepy.BadRequest, match="file is invalid"):
        tweepy_v11.media_upload(str(tmp_path / "broken.png"))
    with pytest.raises(tweepy.NotFound):
        tweepy_v11.get_media_upload_status(1)
    sandbox.settings(v11_upload=False)
    with pytest.raises(tweepy.Forbidden) as retired:
        tweepy_v11.media_upload(str(tmp_path / "broken.png"))
    assert retired.value.api_codes == [453]


def test_tweepy_goes_through_the_pkce_dance(sandbox, monkeypatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    client = sandbox.accounts[0]["oauth2"]
    handler = tweepy.OAuth2UserHandler(
        client_id=client["client_id"],
        client_secret=client["client_secret"],
        redirect_uri="http://127.0.0.1:9/callback",
        scope=["tweet.read", "tweet.write", "users.read", "offline.access"],
    )
    handler.mount("https://", Rewriting(sandbox.url))
    parts = urlsplit(handler.get_authorization_url())
    consent = requests.post(
        f"{sandbox.url}{parts.path}?{parts.query}",
        data={"account": "bob", "decision": "allow"},
        allow_redirects=False,
        timeout=5,
    )
    tokens = handler.fetch_token(consent.headers["location"])
    bob = tweepy.Client(tokens["access_token"])
    bob.session.mount("https://", Rewriting(sandbox.url))
    assert bob.create_tweet(text="as bob", user_auth=False).data["id"]
    assert sandbox.posts()[0]["username"] == "bob"


def test_xdk_creates_reads_lists_and_deletes(sandbox, xdk_client) -> None:
    created = xdk_client.posts.create(CreateRequest(text="Hello from xdk"))
    post_id = created.data.id
    me = xdk_client.users.get_me(user_fields=["public_metrics", "created_at"]).data
    assert me.username == "alice"
    read = xdk_client.posts.get_by_ids([post_id], post_fields=["public_metrics", "created_at"])
    assert read.data[0].public_metrics.repost_count == 0
    pages = list(xdk_client.users.get_posts(me.id, max_results=5, post_fields=["created_at"]))
    assert [post.id for page in pages for post in page.data] == [post_id]
    assert xdk_client.posts.delete(post_id).data.deleted is True
    assert sandbox.posts() == []


def test_xdk_uploads_an_image_with_alt_text(sandbox, xdk_client, png) -> None:
    body = UploadRequest(media=base64.b64encode(png).decode(), media_category="tweet_image")
    media_id = xdk_client.media.upload(body).data.id
    xdk_client.media.create_metadata(
        CreateMetadataRequest(id=media_id, metadata={"alt_text": {"text": "A teal square"}})
    )
    xdk_client.posts.create(CreateRequest(text="pic", media={"media_ids": [media_id]}))
    assert sandbox.posts()[0]["media"][0]["alt_text"] == "A teal square"


def test_xdk_uploads_a_video_in_segments(sandbox, xdk_client, mp4) -> None:
    body = InitializeUploadRequest(media_type="video/mp4", total_bytes=len(mp4), media_category="tweet_video")
    media_id = xdk_client.media.initialize_upload(body).data.id
    for index, start in enumerate(range(0, len(mp4), 1000)):
        segment = base64.b64encode(mp4[start : start + 1000]).decode()
        xdk_client.media.append_upload(media_id, AppendUploadRequest(media=segment, segment_index=index))
    assert xdk_client.media.finalize_upload(media_id).data.processing_info.state
    deadline = time.monotonic() + 5
    while xdk_client.media.get_upload_status(media_id).data.processing_info.state != "succeeded":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    xdk_client.posts.create(CreateRequest(text="clip", media={"media_ids": [media_id]}))
    assert sandbox.posts()[0]["media"][0]["size"] == len(mp4)


def test_xdk_signs_in_and_refreshes(sandbox, monkeypatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    keys = sandbox.accounts[0]["oauth2"]
    client = xdk.Client(
        base_url=sandbox.url,
        authorization_base_url=sandbox.url + "/i",
        client_id=keys["client_id"],
        client_secret=keys["client_secret"],
        redirect_uri="http://127.0.0.1:9/callback",
        scope=["tweet.read", "tweet.write", "users.read", "offline.access"],
    )
    url = client.get_authorization_url(state="s")
    consent = requests.post(
        url, data={"account": "bob", "decision": "allow"}, allow_redirects=False, timeout=5
    )
    code = parse_qs(urlsplit(consent.headers["location"]).query)["code"][0]
    first = client.exchange_code(code)
    second = client.refresh_token()
    assert second["access_token"] != first["access_token"]
    assert client.users.get_me().data.username == "bob"
