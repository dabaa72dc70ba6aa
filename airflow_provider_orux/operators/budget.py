"""``OruxBudgetOperator``: what a fan-out will cost at most, before it is paid."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.standard.operators.hitl import HITLOperator

from airflow_provider_orux.checked import CheckedOperator
from airflow_provider_orux.compat import AirflowSkipException, leave_out_dag_params, question
from airflow_provider_orux.exceptions import raise_for_airflow
from airflow_provider_orux.models.arguments import one_of
from airflow_provider_orux.models.errors import InsufficientCreditsError, OruxError

if TYPE_CHECKING:
    from airflow.sdk import Context

_GO, _STOP = "Go ahead", "Stop"


class OruxBudgetOperator(CheckedOperator, HITLOperator):
    """Stop before a fan-out that costs too much. It pays nothing.

    The price is that of ``[orux] prices``, or of the gateway's own list. A price that is not known is beyond any limit.

    :param limit: the most that it may cost, in the currency of the price (templated).
    :param model: the model's id, like ``midjourney-v7`` (templated).
    :param count: how many submissions follow (templated): ``"{{ ti.xcom_pull('products') | length }}"``.
    :param verb: what is asked of the model. Default ``generate``.
    :param images: images that each submission makes. Default 1; it counts where a price is by the image.
    :param conn_id: the Airflow connection of the gateway (templated). Default ``orux_default``.
    :param on_exceeded: beyond the limit, or the account's balance where the gateway tells it: ``fail`` (default),
        ``skip`` what follows, or ``ask`` a person in the Airflow UI.

    The other arguments are those of Airflow's ``HITLOperator``.
    """

    template_fields: Collection[str] = ("limit", "model", "count", "conn_id", *HITLOperator.template_fields)

    def __init__(
        self,
        *,
        limit: float | str,
        model: str,
        count: int | str,
        verb: str = "generate",
        images: int = 1,
        conn_id: str = "orux_default",
        on_exceeded: Literal["fail", "skip", "ask"] = "fail",
        **kwargs: Any,
    ) -> None:
        asked = {"subject": "This costs more than its limit. Go ahead?", "options": [_GO, _STOP], **kwargs}
        super().__init__(**question(asked))
        leave_out_dag_params(self)
        self.limit, self.model, self.count, self.verb, self.images = limit, model, count, verb, images
        self.conn_id = conn_id
        self.on_exceeded = one_of("on_exceeded", on_exceeded, "fail", "skip", "ask")

    def execute(self, context: Context) -> Any:
        """Look the price up; return the forecast, or stop."""
        from airflow_provider_orux.durable.opening import forecast

        try:
            found = forecast(self.conn_id, self.model, verb=self.verb, count=self.count, images=self.images)
            problem = found.problem(float(self.limit))
            if problem is not None and self.on_exceeded == "fail":
                raise InsufficientCreditsError(
                    problem, charged="no", next_step="Raise the limit, or ask for less."
                )
        except OruxError as e:
            raise_for_airflow(e, self.log)
        if problem is None:
            return found.to_dict()
        if self.on_exceeded == "skip":
            raise AirflowSkipException(problem)
        self.body = f"{problem}.\n\n{self.body or ''}"
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on, or skip what follows."""
        if super().execute_complete(context, event)["chosen_options"] != [_GO]:
            raise AirflowSkipException("A person stopped it")
        return {"approved": True}
