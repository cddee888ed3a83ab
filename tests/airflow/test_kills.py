"""A real Airflow loses its triggerers and workers at bad moments; every post is on X once all the same.

Nothing of the product is sped up for it, only how soon Airflow takes over a dead triggerer's triggers. What was
sent is looked for on X 10 s later; the rare kill between the ledger's commit and the request costs 270 s. So the
killing comes first, and the tests that wait for its end are the last of the file.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pendulum
import pytest
from airflow_harness import processes_of, wait_for
from airflow_parts import Component
from airflow_stage import LEADS, Stage, open_stage
from drafting import described
from PIL import Image

from x_provider.ledger import PartState

pytestmark = [pytest.mark.long, pytest.mark.system, pytest.mark.timeout(900)]

LATENCY_SECONDS = 0.8
"""How long X takes to answer: a random kill shall have something to hit."""
STORM_POSTS = 60
STORM_SECONDS = 40
TOGETHER = 6
"""How many posts wait in two triggerers at once."""
SEED = 20260
INLINE = "Sent by a worker"
DAGS = f'''
from airflow.sdk import dag, task
from x_provider.operators.publishing import XCreatePostOperator

@dag(schedule=None)
def inline():
    """Sends a post of its own from the worker."""
    XCreatePostOperator(
        task_id="create_post", x_conn_id="x_bob", text="{INLINE}", deferrable=False, retries=3, retry_delay=1
    )

@dag(schedule=None, params={{"post_ids": []}})
def again():
    """Waits for posts that DAG x_publish waits for already."""
    @task
    def those(params=None):
        return params["post_ids"]

    XCreatePostOperator.partial(task_id="create_post", retries=3, retry_delay=5).expand(post_id=those())

inline()
again()
'''


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with open_stage(folder, dags=DAGS, rate_limits=False, latency_seconds=LATENCY_SECONDS) as stage:
        yield stage


@pytest.fixture(scope="module")
def killed_workers(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A task's process is killed while it uploads a picture, and one while it sends."""
    path = tmp_path_factory.mktemp("media") / "dome.png"
    Image.new("RGB", (640, 360), (10, 20, 60)).save(path)
    scheduler = stage.airflow.the("scheduler")
    uploading = stage.hang("delay_before", "/2/media/upload", "x_bob")
    stage.plan("picture", account="x_bob", due_in=40, media=described(path))
    stage.kill_sender(uploading, scheduler)
    sending = stage.hang("delay_after", "/2/tweets", "x_bob")
    stage.run("inline")
    stage.kill_sender(sending, scheduler)


@dataclass
class Storm:
    """What was planned, and how often a triggerer was killed meanwhile.

    :param in_flight: the post whose request X was answering when the first triggerer was killed.
    """

    in_flight: str
    keys: list[str] = field(default_factory=list)
    kills: int = 0


def sending(stage: Stage, triggerers: list[Component]) -> Component | None:
    """The triggerer that is sending something at this moment, or within some seconds."""
    until = pendulum.now("UTC").add(seconds=3)
    while (now := pendulum.now("UTC")) < until:
        for post in stage.ledger.posts.all():
            if post.state is PartState.SENDING and post.due_at > now.subtract(seconds=60):
                sender = stage.ledger.deciding.attempts(post.id)[-1].sender
                for triggerer in triggerers:
                    if any(str(pid) in sender.split(":") for pid in processes_of(triggerer.process.pid)):
                        return triggerer
        time.sleep(0.05)
    return None


@pytest.fixture(scope="module")
def storm(stage: Stage, killed_workers: None) -> Storm:
    """Posts come due while one triggerer after the other is killed, every second one while it sends."""
    chance, airflow = random.Random(SEED), stage.airflow
    (in_flight,) = stage.plan_in_time({"in-flight": {"account": "x_carol"}})
    storm = Storm(in_flight.key)
    hanging = stage.hang("delay_after", "/2/tweets", "x_carol")
    for number in range(STORM_POSTS):
        key = f"storm-{number}"
        stage.plan(key, account="x_alice", due_in=25 + number * STORM_SECONDS / STORM_POSTS)
        storm.keys.append(key)
    end = stage.post(storm.keys[-1]).due_at
    stage.senders(hanging, airflow.the("triggerer"))
    airflow.the("triggerer").kill()
    storm.kills = 1
    alive = [airflow.start("triggerer"), airflow.start("triggerer")]
    while pendulum.now("UTC") < end:
        time.sleep(chance.uniform(3, 7))
        victim = sending(stage, alive) if storm.kills % 2 else None
        victim = victim or chance.choice(alive)
        victim.kill()
        storm.kills += 1
        alive = [airflow.start("triggerer"), *(component for component in alive if component is not victim)]
    # What comes next shall not queue behind these posts' tasks.
    wait_for("everything armed", lambda: stage.is_waiting(*storm.keys, or_done=True), within=180, every=1)
    return storm


@pytest.fixture
def two_small_triggerers(stage: Stage, storm: Storm) -> None:
    """The only ones, and neither has room for all that waits twice: Airflow has to use both."""
    for component in stage.airflow.components:
        if component.name == "triggerer":
            component.kill()
    for _ in range(2):
        stage.airflow.start("triggerer", AIRFLOW__TRIGGERER__CAPACITY=str(2 * TOGETHER - 3))


def waiting_twice(stage: Stage, keys: list[str], within: float) -> bool:
    """Let a second DAG wait for the posts of x_publish; whether all wait in time, and in two triggerers."""
    posts = [stage.plan(key, account="x_bob", due_in=within) for key in keys]
    latest = posts[0].due_at.subtract(seconds=1)
    while not all(post.wake_at > post.due_at for post in map(stage.post, keys)):  # x_publish has them then
        if pendulum.now("UTC") > latest:
            return False
        time.sleep(0.2)
    stage.run("again", post_ids=[post.id for post in posts])
    held_by: list[int] = []
    while pendulum.now("UTC") < latest and len(held_by) < 2 * len(keys):
        time.sleep(0.5)
        tasks = [
            *stage.creating(*keys).values(),
            *stage.tasks("again", task_id="create_post", state="deferred"),
        ]
        triggers = [task["trigger"] for task in tasks if task["state"] == "deferred" and task["trigger"]]
        held_by = [trigger["triggerer_id"] for trigger in triggers if trigger["triggerer_id"]]
    return len(held_by) == 2 * len(keys) and len(set(held_by)) == 2


@pytest.mark.usefixtures("two_small_triggerers")
def test_posts_that_wait_in_two_triggerers_at_once_go_out_once(stage: Stage) -> None:
    for lead in LEADS:
        keys = [f"together-{lead}-{number}" for number in range(TOGETHER)]
        waited_twice = waiting_twice(stage, keys, lead)
        wait_for("all posts sent", lambda keys=keys: stage.is_posted(*keys), within=60)
        stage.assert_once(*keys)
        if waited_twice:
            return
    pytest.fail("the posts never waited in two triggerers at once")


def test_what_came_due_without_a_triggerer_follows_its_late_policy(stage: Stage, storm: Storm) -> None:
    policies = {"late-publish": {"then": "publish"}, "late-skip": {"then": "skip", "grace": 1}}
    publish, skip = stage.plan_in_time(
        {name: {"account": "x_bob", **policy} for name, policy in policies.items()}
    )
    for component in stage.airflow.components:
        if component.name == "triggerer":
            component.kill()
    wait_for("their time to pass", lambda: pendulum.now("UTC") > skip.due_at.add(seconds=2), within=90)
    assert {stage.post(post.key).state for post in (publish, skip)} == {PartState.ARMED}
    stage.airflow.start("triggerer")

    wait_for("the late post sent", lambda: stage.is_posted(publish.key), within=60)
    stage.assert_once(publish.key)
    receipt = stage.post(publish.key).parts[0].receipt
    assert (receipt.posted_at - publish.due_at).total_seconds() > 2
    wait_for("the skipped post given up", lambda: stage.post(skip.key).state is PartState.MISSED, within=60)
    assert stage.on_x(skip.parts[0].content["text"]) == []
    assert "late policy is 'skip'" in stage.post(skip.key).parts[0].why
    wait_for("its task skipped", lambda: stage.creating(skip.key)[skip.key]["state"] == "skipped", within=60)


def test_a_picture_whose_uploading_task_was_killed_goes_out_with_it(
    stage: Stage, killed_workers: None
) -> None:
    wait_for("the post sent", lambda: stage.is_posted("picture"), within=120)
    stage.assert_once("picture")
    (on_x,) = stage.on_x("picture of x_bob")
    assert len(on_x["media"]) == 1


def test_a_post_whose_sending_task_was_killed_is_found_and_not_sent_again(
    stage: Stage, killed_workers: None
) -> None:
    def task() -> str:
        return stage.tasks("inline")[0]["state"]

    wait_for("the task's end", lambda: task() in ("success", "failed"), within=180)
    assert task() == "success"
    (on_x,) = stage.on_x(INLINE)
    (part,) = [
        part for post in stage.ledger.posts.all() for part in post.parts if part.content["text"] == INLINE
    ]
    assert (part.receipt.x_id, part.receipt.adopted) == (on_x["id"], True)


def test_a_post_whose_triggerer_was_killed_while_x_answered_is_found_and_not_sent_again(
    stage: Stage, storm: Storm
) -> None:
    wait_for("the post's receipt", lambda: stage.is_posted(storm.in_flight), within=200)
    stage.assert_once(storm.in_flight)
    post = stage.post(storm.in_flight)
    assert post.parts[0].receipt.adopted
    assert [attempt.outcome for attempt in stage.ledger.deciding.attempts(post.id)] == ["adopted"]


def test_every_post_of_the_storm_is_on_x_once(stage: Stage, storm: Storm) -> None:
    wait_for("all posts sent", lambda: stage.is_posted(*storm.keys), within=400)
    stage.assert_once(*storm.keys)
    assert storm.kills >= 5
    wait_for(
        "all tasks done",
        lambda: {task["state"] for task in stage.creating(*storm.keys).values()} == {"success"},
        within=60,
    )
