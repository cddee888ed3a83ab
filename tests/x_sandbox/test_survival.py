from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import stat
import subprocess
import sys
import threading

import pytest
import requests

COMMAND = [sys.executable, "-c", "import sys; from x_sandbox.cli import main; sys.exit(main())", "serve"]


def test_everything_answered_is_there_after_a_kill(own_sandbox, api_of, png) -> None:
    first = own_sandbox()
    alice = api_of(first)
    media_id = alice.image(png)
    root = alice.create("with picture", media={"media_ids": [media_id]})
    alice.create("a reply", reply={"in_reply_to_tweet_id": root})
    gone = alice.create("deleted")
    alice.call("DELETE", f"/2/tweets/{gone}")
    before = first.posts()
    first.kill()

    second = own_sandbox()
    assert second.credentials == first.credentials
    after = second.posts()
    assert [{**post, "metrics": None} for post in after] == [{**post, "metrics": None} for post in before]
    content = requests.get(second.url + f"/_sandbox/media/{media_id}", timeout=5).content
    assert hashlib.sha256(content).hexdigest() == hashlib.sha256(png).hexdigest()
    newest = api_of(second).create("after the kill", media={"media_ids": [media_id]})
    assert int(newest) > int(gone)
    assert api_of(second).refusal("a reply")[0] == 403


def test_a_kill_in_the_middle_of_a_burst_loses_no_answered_post(own_sandbox, api_of) -> None:
    server = own_sandbox("--no-rate-limits")
    answered: list[str] = []
    enough = threading.Event()

    def burst(number: int) -> None:
        api = api_of(server)
        api.session.hooks["response"].clear()
        for count in range(1000):
            try:
                response = api.post("/2/tweets", {"text": f"{number}/{count}"})
            except requests.exceptions.RequestException:
                return
            answered.append(response.json()["data"]["id"])
            if len(answered) > 100:
                enough.set()

    threads = [threading.Thread(target=burst, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    assert enough.wait(20)
    server.kill()
    for thread in threads:
        thread.join()
    kept = {post["id"] for post in own_sandbox().posts()}
    assert set(answered) <= kept
    assert len(kept) <= len(answered) + 4


def test_an_upload_goes_on_after_a_kill(own_sandbox, api_of, mp4) -> None:
    first = own_sandbox()
    alice = api_of(first)
    body = {"media_type": "video/mp4", "total_bytes": len(mp4), "media_category": "tweet_video"}
    media_id = alice.post("/2/media/upload/initialize", body).json()["data"]["id"]
    path, half = f"/2/media/upload/{media_id}", len(mp4) // 2
    alice.post(f"{path}/append", data={"segment_index": "0"}, files={"media": mp4[:half]})
    first.kill()
    alice = api_of(own_sandbox("--processing-seconds", "0"))
    alice.post(f"{path}/append", data={"segment_index": "1"}, files={"media": mp4[half:]})
    assert alice.post(f"{path}/finalize").json()["data"]["size"] == len(mp4)


def test_rotated_tokens_survive_a_restart(own_sandbox, api_of) -> None:
    first = own_sandbox()
    client = first.accounts[0]["oauth2"]
    form = {"grant_type": "refresh_token", "client_id": client["client_id"]}
    spent = {**form, "refresh_token": client["refresh_token"]}
    fresh = requests.post(first.url + "/2/oauth2/token", data=spent, timeout=5).json()
    assert first.stop() == 0
    second = own_sandbox()
    assert api_of(second, bearer=fresh["access_token"]).get("/2/users/me").status_code == 200
    assert requests.post(second.url + "/2/oauth2/token", data=spent, timeout=5).status_code == 400


def test_a_journal_cut_short_is_read_up_to_the_cut(own_sandbox, api_of, tmp_path) -> None:
    first = own_sandbox()
    post_id = api_of(first).create("whole")
    first.kill()
    with (tmp_path / "state/journal.jsonl").open("a") as journal:
        journal.write('{"what":"post","post":{"id":"99')
    second = own_sandbox()
    api_of(second).create("next")
    second.kill()
    newer, older = own_sandbox().posts()
    assert (newer["text"], older["id"]) == ("next", post_id)


def test_credentials_are_for_the_owners_eyes_only(own_sandbox, tmp_path) -> None:
    own_sandbox()
    for name in ("credentials.json", "state/app.json", "state/journal.jsonl"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_more_accounts_are_added_and_the_old_stay(own_sandbox) -> None:
    first = own_sandbox("--accounts", "1")
    first.stop()
    second = own_sandbox("--accounts", "3")
    assert second.accounts[0] == first.accounts[0]
    assert len({account["username"] for account in second.accounts}) == 3


def test_a_reset_empties_this_x_and_keeps_the_credentials(sandbox, alice, png) -> None:
    alice.create("gone", media={"media_ids": [alice.image(png)]})
    client = sandbox.accounts[0]["oauth2"]
    form = {
        "grant_type": "refresh_token",
        "client_id": client["client_id"],
        "refresh_token": client["refresh_token"],
    }
    assert requests.post(sandbox.url + "/2/oauth2/token", data=form, timeout=5).ok
    sandbox.reset()
    assert (sandbox.posts(), sandbox.requests()) == ([], [])
    alice.create("gone")
    assert requests.post(sandbox.url + "/2/oauth2/token", data=form, timeout=5).ok


def refused(*options: object) -> str:
    done = subprocess.run(
        [*COMMAND, *map(str, options)], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_in_use_is_said_plainly(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refused("--port", port, "--state", tmp_path / "state")
    assert f"127.0.0.1:{port}" in message
    assert "--port" in message


def test_a_state_directory_that_is_a_file_is_said_plainly(tmp_path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refused("--port", 0, "--state", tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_state_directory_without_write_access_is_said_plainly(tmp_path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "locked" in refused("--port", 0, "--state", tmp_path / "locked/state")


def test_a_credentials_path_that_cannot_be_written_is_said_plainly(tmp_path) -> None:
    missing = tmp_path / "missing/credentials.json"
    assert str(missing) in refused("--port", 0, "--state", tmp_path / "state", "--credentials", missing)


def test_one_state_directory_serves_one_sandbox(own_sandbox, tmp_path) -> None:
    own_sandbox()
    assert "in use" in refused("--port", 0, "--state", tmp_path / "state")


def test_a_damaged_state_is_said_plainly(tmp_path) -> None:
    (tmp_path / "app.json").write_text(json.dumps({"nope": 1}))
    assert "app.json is damaged" in refused("--port", 0, "--state", tmp_path)


def test_a_request_in_flight_does_not_hold_up_the_stop(own_sandbox, api_of) -> None:
    server = own_sandbox()
    server.faults("delay_after", seconds=60)
    thread = threading.Thread(target=_ignore_errors, args=(api_of(server),))
    thread.start()
    while not server.get("/_sandbox/faults")["faults"][0]["applied"]:
        pass
    assert server.stop() == 0
    thread.join(timeout=10)
    assert not thread.is_alive()


def _ignore_errors(api) -> None:
    with contextlib.suppress(requests.exceptions.RequestException):
        api.get("/2/users/me")


def test_an_account_named_at_the_start_is_the_first_one_and_keeps_its_keys(own_sandbox) -> None:
    first = own_sandbox("--account", "City Museum:citymuseum")
    assert [account["username"] for account in first.accounts] == ["citymuseum", "alice"]
    assert first.accounts[0]["name"] == "City Museum"
    first.stop()
    again = own_sandbox("--account", "City Museum:CityMuseum", "--account", "Cafe: at noon:cafe")
    assert [account["name"] for account in again.accounts] == [
        "City Museum",
        "Alice Example",
        "Cafe: at noon",
    ]
    assert again.accounts[0] == first.accounts[0]


@pytest.mark.parametrize("profile", ["City Museum", ":museum", "City Museum:city museum", "A:" + "a" * 16])
def test_an_account_that_x_would_not_allow_is_refused(profile, tmp_path) -> None:
    command = [*COMMAND, "--port", "0", "--state", tmp_path / "state", "--account", profile]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert f"{profile!r} is no NAME:USERNAME" in done.stderr


def test_a_port_that_cannot_be_is_refused(tmp_path) -> None:
    command = [*COMMAND, "--port", "99999", "--state", tmp_path / "state"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("x-sandbox: 127.0.0.1:99999 cannot be listened on")
    assert "Traceback" not in done.stderr
