from __future__ import annotations

import requests
from requests_oauthlib import OAuth1


def test_a_signed_post_is_created_and_listed(sandbox) -> None:
    account, app = sandbox.accounts[0], sandbox.credentials
    auth = OAuth1(app["api_key"], app["api_secret"], account["access_token"], account["access_token_secret"])
    answer = requests.post(sandbox.url + "/2/tweets", json={"text": "hello"}, auth=auth, timeout=10)
    assert answer.status_code == 201, answer.text
    assert [post["id"] for post in sandbox.posts()] == [answer.json()["data"]["id"]]
