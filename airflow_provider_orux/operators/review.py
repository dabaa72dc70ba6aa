"""``OruxReviewOperator``: a person looks at images in the Airflow UI and chooses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param

from airflow_provider_orux.checked import CheckedOperator
from airflow_provider_orux.compat import (
    AirflowSkipException,
    leave_out_dag_params,
    options_shown,
    question,
)
from airflow_provider_orux.exceptions import raise_for_airflow
from airflow_provider_orux.lifecycle import choice
from airflow_provider_orux.models.arguments import is_mapped, refuse
from airflow_provider_orux.models.catalogue import is_pending
from airflow_provider_orux.models.errors import OruxError

if TYPE_CHECKING:
    from airflow.sdk import Context


class OruxReviewOperator(CheckedOperator, HITLOperator):
    """Show the saved images of a job to a person, who chooses: four buttons U1 to U4 under "Required Actions".

    It pays nothing and holds no worker. On Airflow 3.3 it needs no triggerer either. Its result is ``index`` (or
    ``indices``) and ``by``, which are XComs of their own: ``index=pick.output["index"]``.

    :param result: the result of the task that made the images: ``imagine.output`` (templated).
    :param multiple: True: several may be chosen, from a list instead of buttons; the result has ``indices``.
    :param subject: the question (templated). Default "Choose an image".
    :param body: more text under the images, in Markdown (templated).
    :param response_timeout: how long to wait for a person, a timedelta. None (default): for ever. When it passes,
        ``defaults`` are chosen (like ``"U1"``); without ``defaults`` the task fails.

    The other arguments are those of Airflow's ``HITLOperator``: ``assigned_users``, ``notifiers``, …. Whoever rejects
    all images skips what follows.

    :raises InvalidRequestError: the images are not saved, or lie where the gallery shows none.
    """

    template_fields: Collection[str] = ("result", *HITLOperator.template_fields)
    ui_color = "#fdf1c7"

    def __init__(
        self, *, result: Any, multiple: bool = False, subject: str = "Choose an image", **kwargs: Any
    ) -> None:
        reject = Param(
            False, type="boolean", title="Reject all", description="Choose none; skip what follows"
        )
        kwargs["params"] = {**dict((kwargs.get("params") or {}).items()), "reject": reject}
        super().__init__(subject=subject, options=choice.labels(4), multiple=multiple, **question(kwargs))
        leave_out_dag_params(self)
        self.result = result
        if is_mapped(self):
            return
        if getattr(getattr(result, "operator", None), "save_to", "unknown") is None:
            task_id = result.operator.task_id
            refuse("result", f"`result` is the output of {task_id!r}, which saves nothing: give it a save_to")
        if not is_pending(result) and not isinstance(result, Mapping):
            refuse(
                "result", f"`result` is a {type(result).__name__}; it takes a task's output: imagine.output"
            )

    def execute(self, context: Context) -> Any:
        """Ask, and wait without a worker."""
        from airflow_provider_orux.storage.asking import ask_about

        try:
            self.options, shown = ask_about(self.result)
        except OruxError as e:
            raise_for_airflow(e, self.log)
        if not self.multiple:
            self.options = options_shown(self.options, choice.NONE)
        self.body = f"{shown}\n\n{self.body}" if self.body else shown
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return what was chosen, and by whom."""
        self.options = [
            *choice.labels(choice.MOST),
            choice.NONE,
        ]  # those of execute() are gone with its process
        answer = super().execute_complete(context, event)
        if (answer.get("params_input") or {}).get("reject") or choice.NONE in answer["chosen_options"]:
            raise AirflowSkipException(f"All images were rejected by {answer.get('responded_by_user')}")
        indices = sorted(choice.number_of(label) for label in answer["chosen_options"])
        by = answer.get("responded_by_user")
        value: dict[str, Any] = {
            "by": by["name"] if isinstance(by, Mapping) else by,
            "at": event["responded_at"].isoformat(),
        }
        value |= {"indices": indices} if self.multiple else {"index": indices[0]}
        for name, part in value.items():
            context["ti"].xcom_push(name, part)
        return value
