"""Publish one post from a form, now or at a time."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG, Param

from x_provider.notifications.stopped import XPostStoppedNotifier
from x_provider.operators.planning import XPlanPostOperator
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.operators.uploading import XUploadMediaOperator

MEDIA_FOLDER = Path(__file__).resolve().parents[1] / "include"

with DAG(
    "x_post",
    schedule=None,
    tags=["x", "publishing"],
    default_args={"owner": "marketing", "retries": 3, "retry_delay": 10},
    params={
        "text": Param(
            None,
            type=["null", "string"],
            format="multiline",
            title="Text",
            description="Up to 280 characters as X counts them: an emoji counts 2, any link 23.",
        ),
        "split": Param(
            False,
            type="boolean",
            title="Make a thread of a longer text",
            description="Cut at paragraphs, sentences or words, into parts of up to 280 characters.",
        ),
        "media": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="Pictures or video",
            description="Up to 4 pictures, or one GIF, or one video: a file a line, as the workers see it;"
            " relative paths begin in the project's folder include/.",
        ),
        "alt_texts": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="Descriptions (alt texts)",
            description="One line a picture, in the same order, for people who cannot see it.",
        ),
        "at": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="When",
            description="Now if left empty.",
        ),
        "account": Param(
            "x_default",
            type="string",
            minLength=1,
            title="Account",
            description="The Airflow connection of the account that posts.",
        ),
        "reply_settings": Param(
            None,
            type=["null", "string"],
            enum=[None, "following", "mentionedUsers", "subscribers", "verified"],
            values_display={
                "None": "Everyone",
                "following": "Accounts it follows",
                "mentionedUsers": "Mentioned accounts",
                "subscribers": "Its subscribers",
                "verified": "Verified accounts",
            },
            title="Who can reply",
            description="Mentioned accounts always can.",
        ),
        "first_comment": Param(
            None,
            type=["null", "string"],
            format="multiline",
            title="First comment",
            description="Answers the post as soon as it is out: with a link, say.",
            section="More",
        ),
        "poll_options": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="Poll: options",
            description="2 to 4, one a line, up to 25 characters each. Not together with pictures.",
            section="More",
        ),
        "poll_duration": Param(
            "1 day",
            type=["null", "string"],
            title="Poll: open for",
            description="Such as 30 min, 6 h or 1 day; 5 minutes to 7 days.",
            section="More",
        ),
        "timezone": Param(
            "UTC",
            type="string",
            minLength=1,
            title="Time zone",
            description="Of a time without an offset. The form above sends its time with one.",
            section="More",
        ),
    },
    doc_md="""
    Press **Trigger**, write, and post: at once, or at the time you choose. **plan** checks what you wrote as
    a calendar's entry is checked and keeps it; a mistake fails there and says what to correct. The next two
    tasks upload the files and send the post, once, however often they are retried or cleared.

    A post for later (text and pictures more than 10 minutes ahead, video 45) is left to DAG `x_publish`,
    which must not be paused; **create_post** then ends as skipped and says when it goes out.
    """,
) as dag:
    # dag.param, unlike a template, hands on a list as a list and nothing as nothing.
    plan = XPlanPostOperator(
        task_id="plan",
        text=dag.param("text"),
        split=dag.param("split"),
        media=dag.param("media"),
        alt_texts=dag.param("alt_texts"),
        poll={
            "options": dag.param("poll_options"),
            "duration": "{{ params.poll_duration or '' if (params.poll_options or []) | join | trim }}",
        },
        first_comment={"text": dag.param("first_comment")},
        at=dag.param("at"),
        timezone=dag.param("timezone"),
        reply_settings=dag.param("reply_settings"),
        x_conn_id=dag.param("account"),
        media_folder=str(MEDIA_FOLDER),
    )
    # A post that stops is told to whom the connection x_notices leads, besides the ledger and the log.
    planned = {"post_id": plan.output, "on_failure_callback": XPostStoppedNotifier()}
    upload = XUploadMediaOperator(task_id="upload_media", **planned)
    create = XCreatePostOperator(task_id="create_post", **planned)
    plan >> upload >> create
