"""Ask a person about one post."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from x_provider.operators.asking import XActOnAnswerOperator, XAskPersonOperator, XGatherEvidenceOperator

with DAG(
    "x_ask",
    schedule=None,
    max_active_runs=100,  # a run lasts until its question is answered, and costs nothing while it waits
    tags=["x", "upkeep"],
    # Answering a question within a second or two of its being asked may fail the task: then it is asked again.
    default_args={"owner": "marketing", "retries": 2, "retry_delay": 10},
    params={
        "post": Param(
            type="string",
            minLength=1,
            title="Post",
            description="Its name as in `airflow x status`, such as december/hello.",
        )
    },
    doc_md="""
    One run is one question, started by DAG `x_upkeep`, or by hand with a post's name. **evidence** gathers our
    text, every attempt and what X shows; **question** waits for your answer under *Required actions*; **act** does
    what you chose, if the post still stands where it stood. What each question means: docs/troubleshooting.md.

    To be asked anew, with fresh evidence, clear the run.
    """,
) as dag:
    evidence = XGatherEvidenceOperator(task_id="evidence", post="{{ params.post }}")
    question = XAskPersonOperator(task_id="question", question=evidence.output)
    XActOnAnswerOperator(task_id="act", question=evidence.output, answer=question.output)
