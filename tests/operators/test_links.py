"""The link from a task to its post."""

from __future__ import annotations

from x_provider.operators.links import XPostLink
from x_provider.operators.publishing import XCreatePostOperator


def link_of(ti):
    return ti.xcom_pull(task_ids="only", key=XPostLink().xcom_key)


def test_it_leads_to_the_post_once_it_is_on_x(run_task, set_up, sandbox):
    ti = run_task(XCreatePostOperator, **set_up.ids, text="Look here")
    (post,) = sandbox.posts()
    assert link_of(ti) == f"{sandbox.url}/{post['username']}/status/{post['id']}"


def test_it_is_empty_while_there_is_no_post(run_task, set_up):
    ti = run_task(XCreatePostOperator, **set_up.ids, text="x" * 281)
    assert not link_of(ti)


def test_it_leads_to_the_first_post_of_a_thread(run_task, set_up, sandbox):
    ti = run_task(XCreatePostOperator, **set_up.ids, thread=[{"text": "One"}, {"text": "Two"}])
    assert link_of(ti).endswith(sandbox.posts()[-1]["id"])
