"""Let a person try whether messages arrive, before something fails."""

import dagster as dg

from promtsdb_dagster.core.notices import Message, Notice, Notifier
from promtsdb_dagster.defs.project import Project
from promtsdb_dagster.defs.reporting import failures_explained

TRY_JOB = "try_notifier"


def try_notifier_job(public_url: str | None) -> dg.JobDefinition:
    """Return the job that sends a message and fails when nobody took it."""

    @dg.op(name="send_a_message")
    def send_a_message(
        context: dg.OpExecutionContext,
        project: dg.ResourceParam[Project],
        notifier: dg.ResourceParam[Notifier],
    ) -> None:
        notice = Notice(
            subject=f"the job {TRY_JOB}",
            state="tried",
            text="this is how you are told of failures",
            since=project.now(),
            run_id=context.run_id,
            url=f"{public_url}/runs/{context.run_id}" if public_url else "",
        )
        message = Message("a try", [notice])
        with failures_explained():
            notifier.send(message)
        context.log.info(f"{type(notifier).__name__} took this message:\n{message.text}")

    @dg.job(
        name=TRY_JOB,
        description=(
            "Send a message the way failures are told, and fail when nobody took it. Without "
            "NOTIFY_WEBHOOK_URL it is in the log of the code location."
        ),
    )
    def try_notifier() -> None:
        send_a_message()

    return try_notifier
