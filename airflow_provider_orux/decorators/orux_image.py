"""``@task.orux_image(model=…)``: the function returns the prompt, the fields, or a typed request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import attr
from airflow.sdk.bases.decorator import DecoratedOperator, _TaskDecorator
from airflow.sdk.definitions._internal.types import SET_DURING_EXECUTION
from airflow.sdk.definitions.context import context_merge

from airflow_provider_orux.compat import determine_kwargs
from airflow_provider_orux.exceptions import raise_for_airflow
from airflow_provider_orux.models.catalogue import RequestSpec
from airflow_provider_orux.models.errors import InvalidRequestError, OruxError
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.operators.base import unset_retries
from airflow_provider_orux.operators.images import OruxGenerateImageOperator

if TYPE_CHECKING:
    import attr
    from airflow.sdk import Context
from airflow.sdk.bases.decorator import TaskDecorator

#: The request that the function returned, kept for the time of a deferral: the function is called once a try (twice
#: with ``record_prompt`` other than ``full``, where no prompt may lie in an XCom).
REQUEST_XCOM = "orux_request"


class _OruxImageDecoratedOperator(DecoratedOperator, OruxGenerateImageOperator):
    """Calls the function for the request and generates images from it.

    :param python_callable: the function; it returns the prompt (a text), the model's fields (a dict), or one typed
        request.
    :param model: the model's id; not needed when the function returns a typed request.
    :param op_args: positional arguments of the function (templated).
    :param op_kwargs: keyword arguments of the function (templated).
    """

    custom_operator_name = "@task.orux_image"
    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in OruxGenerateImageOperator.template_fields if name not in ("prompt", "request")),
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **{k: v for k, v in OruxGenerateImageOperator.template_fields_renderers.items() if k != "request"},
    }

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        for name in ("prompt", "request"):
            if name in kwargs:
                raise InvalidRequestError(
                    f"`{name}` is what the function of @task.orux_image returns", param=name, charged="no"
                )
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            prompt=SET_DURING_EXECUTION,
            **kwargs,
        )

    def check_arguments(self) -> None:
        """Check model and options; the prompt comes when the task runs.

        :raises InvalidRequestError: a value that is known already is wrong.
        """
        if self.model is not None:
            super().check_arguments()

    def execute(self, context: Context) -> dict[str, Any]:
        """Call the function, then generate."""
        context_merge(context, self.op_kwargs)
        self._call(context)
        if self.record_prompt == "full":
            # What the function returned is literal: it may hold braces of its own, so it is not rendered as a template.
            context["ti"].xcom_push(REQUEST_XCOM, self.request)
        result: dict[str, Any] = OruxGenerateImageOperator.execute(self, context)
        return result

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Continue after a deferral with the request of that try."""
        self._recall(context)
        return super().execute_complete(context, event)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Also after the trigger crashed."""
        self._recall(context)
        return super().resume_execution(next_method, next_kwargs, context)

    def _spec(self, returned: Any) -> RequestSpec:
        if isinstance(returned, GenerationRequest):
            if self.model is not None or self.options:
                raise InvalidRequestError(
                    "The function returned a typed request; leave `model` and `options` out of @task.orux_image",
                    param="request",
                    charged="no",
                )
            return RequestSpec.of(returned)
        fields = {"prompt": returned} if isinstance(returned, str) else returned
        if not isinstance(fields, Mapping):
            raise InvalidRequestError(
                f"The function of @task.orux_image returned a {type(returned).__name__}; it returns the prompt, a dict "
                "of the model's fields, or a typed request",
                charged="no",
            )
        return RequestSpec(model=self.model, fields={**(self.options or {}), **fields})

    def _call(self, context: Context) -> None:
        """Take the request that the function returns."""
        returned = self.python_callable(
            *self.op_args, **determine_kwargs(self.python_callable, self.op_args, context)
        )
        try:
            self._take(self._spec(returned).to_dict())
        except OruxError as e:
            raise_for_airflow(e, self.log)

    def _take(self, spec: Mapping[str, Any]) -> None:
        self.model, self.prompt, self.options = None, None, None
        self.request = spec

    def _recall(self, context: Context) -> None:
        if self.request is None and self.record_prompt != "full":
            # Where prompts are kept private, none lies in an XCom: the function says it again.
            context_merge(context, self.op_kwargs)
            self._call(context)
        elif self.request is None:
            spec = context["ti"].xcom_pull(
                task_ids=context["ti"].task_id, key=REQUEST_XCOM, map_indexes=context["ti"].map_index
            )
            if isinstance(spec, Mapping):
                self._take(spec)


class _OruxImageTask(_TaskDecorator[Any, Any, Any]):
    """The function as a task. Airflow reads the ``retries`` of a mapped one here, before there is an operator."""

    def _expand(self, expand_input: Any, *, strict: bool) -> Any:
        mapped: Any = super()._expand(expand_input, strict=strict)
        arguments = mapped.operator.partial_kwargs
        arguments.update(unset_retries(arguments))  # the default_args are merged into them by now
        return mapped


def orux_image_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Turn a function that returns a prompt (or a request) into a task that generates images from it.

    :param python_callable: the function.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        return _OruxImageTask(
            function=function,
            operator_class=_OruxImageDecoratedOperator,
            multiple_outputs=kwargs.get("multiple_outputs", attr.NOTHING),
            kwargs={n: v for n, v in kwargs.items() if n != "multiple_outputs"},
        )

    return cast("TaskDecorator", decorate if python_callable is None else decorate(python_callable))
