"""What the decorators share: a function says what to make, an operator makes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, cast

import attr
from airflow.sdk import Context
from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, _TaskDecorator
from airflow.sdk.definitions._internal.types import SET_DURING_EXECUTION
from airflow.sdk.definitions.context import context_merge

from airflow_provider_orux.compat import determine_kwargs
from airflow_provider_orux.exceptions import raise_for_airflow
from airflow_provider_orux.models.arguments import is_mapped, of_task, refuse
from airflow_provider_orux.models.catalogue import RequestSpec, is_pending
from airflow_provider_orux.models.errors import InvalidRequestError, OruxError
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.models.spelling import nearest
from airflow_provider_orux.operators.base import OruxOperator, unset_retries

#: The request that the function returned, kept for the time of a deferral: the function is called once a try (twice
#: with ``record_prompt`` other than ``full``, where no prompt may lie in an XCom).
REQUEST_XCOM = "orux_request"


class ReturnedOperator(DecoratedOperator):
    """Calls the function for what to make, then is the operator behind it in the order of the bases.

    :param python_callable: the function.
    :param op_args: positional arguments of the function (templated).
    :param op_kwargs: keyword arguments of the function (templated).
    """

    custom_operator_name: str
    #: The operator's arguments that the function stands for; the first is the one a plain value is.
    returns: ClassVar[tuple[str, ...]] = ("prompt",)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Leave what the function returns out of the templates: it may hold braces of its own."""
        super().__init_subclass__(**kwargs)
        operator = next((c for c in cls.__mro__ if not issubclass(c, DecoratedOperator)), None)
        if operator is not None and issubclass(operator, OruxOperator):
            own = DecoratedOperator.template_fields
            fields = [*own, *(n for n in operator.template_fields if n not in cls.returns)]
            renderers = {**DecoratedOperator.template_fields_renderers, **operator.template_fields_renderers}
            cls.template_fields = tuple(fields)
            cls.template_fields_renderers = {n: v for n, v in renderers.items() if n in fields}

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        for name in set(self.returns) & kwargs.keys():
            with of_task(kwargs.get("task_id")):
                refuse(name, f"`{name}` is what the function of {self.custom_operator_name} returns")
        kwargs[self.returns[0]] = SET_DURING_EXECUTION
        super().__init__(python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, **kwargs)

    def execute(self, context: Context) -> Any:
        """Call the function, then pay, wait and save."""
        self._call(context)
        return super(DecoratedOperator, self).execute(context)

    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """Continue after a deferral with the request of that try."""
        self._recall(context)
        return super().execute_complete(context, event)  # type: ignore[misc]

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Also after the trigger crashed."""
        self._recall(context)
        return super().resume_execution(next_method, next_kwargs, context)

    def asked(self, returned: Any) -> dict[str, Any]:
        """What the function asks for, as JSON values.

        :raises InvalidRequestError: it returned something else.
        """
        (first, *_), known = self.returns, set(self.returns)
        if isinstance(returned, (str, int)):
            return {first: returned}
        known |= {*self.template_fields} - {*DecoratedOperator.template_fields, *OruxOperator.template_fields}
        if not isinstance(returned, Mapping):
            self._refuse_returned(returned, f"the {first}, or a dict of {', '.join(sorted(known))}")
        for name in set(returned) - known:
            near = nearest(str(name), known)
            hint = f"did you mean `{near}`?" if near else f"it knows: {', '.join(sorted(known))}"
            refuse(
                str(name), f"The function of {self.custom_operator_name} returned a field `{name}`; {hint}"
            )
        return dict(returned)

    def take(self, asked: Mapping[str, Any]) -> None:
        """Become the operator that was asked for."""
        for name, value in asked.items():
            setattr(self, name, value)

    def _refuse_returned(self, returned: Any, wanted: str) -> Any:
        name = self.custom_operator_name
        message = f"The function of {name} returned a {type(returned).__name__}; it returns {wanted}"
        raise InvalidRequestError(message, charged="no")

    def _call(self, context: Context, *, again: bool = False) -> None:
        context_merge(context, self.op_kwargs)
        returned = self.python_callable(
            *self.op_args, **determine_kwargs(self.python_callable, self.op_args, context)
        )
        try:
            asked = self.asked(returned)
        except OruxError as e:
            raise_for_airflow(e, self.log)
        self._taken = True
        self.take(asked)
        if not again and self._may_be_kept:
            context["ti"].xcom_push(REQUEST_XCOM, asked)

    def _recall(self, context: Context) -> None:
        if getattr(self, "_taken", False):
            return
        if not self._may_be_kept:
            # Where prompts are kept private, none lies in an XCom: the function says it again. Nothing is paid from
            # here on; the manifest's hash and the masking of messages go by what it says now.
            self._call(context, again=True)
            return
        ti = context["ti"]
        asked = ti.xcom_pull(task_ids=ti.task_id, key=REQUEST_XCOM, map_indexes=ti.map_index)
        if isinstance(asked, Mapping):
            self._taken = True
            self.take(asked)

    @property
    def _may_be_kept(self) -> bool:
        """Whether what the function returned may lie in an XCom."""
        return cast("Any", self).record_prompt == "full" or "prompt" not in self.returns


class ReturnedModelOperator(ReturnedOperator):
    """For the operators of any model: the function returns the prompt, the model's fields, or a typed request."""

    returns: ClassVar[tuple[str, ...]] = ("prompt", "request")
    model: Any
    options: Any
    task_id: str

    def check_arguments(self) -> None:
        """Check model and options; any other field may come when the task runs.

        :raises InvalidRequestError: a value that is known already is wrong.
        """
        options = {} if self.options is None else self.options
        if self.model is None or is_mapped(self) or is_pending(self.model):
            return
        with of_task(self.task_id):
            if not isinstance(options, Mapping):
                if is_pending(options):
                    return
                refuse(
                    "options",
                    f"`options` is a {type(options).__name__}; it takes a dict of the model's fields",
                )
            RequestSpec(model=self.model, fields=options).check_part()

    def asked(self, returned: Any) -> dict[str, Any]:
        """A request as :class:`RequestSpec` writes it."""
        if isinstance(returned, GenerationRequest):
            if self.model is not None or self.options:
                refuse(
                    "request",
                    "The function returned a typed request; leave `model` and `options` out of "
                    f"{self.custom_operator_name}",
                )
            return RequestSpec.of(returned).to_dict()
        fields = {"prompt": returned} if isinstance(returned, str) else returned
        if not isinstance(fields, Mapping):
            self._refuse_returned(returned, "the prompt, a dict of the model's fields, or a typed request")
        return RequestSpec(model=self.model, fields={**(self.options or {}), **fields}).to_dict()

    def take(self, asked: Mapping[str, Any]) -> None:
        """Take the request in the place of model, prompt and options."""
        self.model = self.options = None
        super().take({"prompt": None, "request": asked})


class _ReturnedTask(_TaskDecorator[Any, Any, Any]):
    """The function as a task. Airflow reads the ``retries`` of a mapped one here, before there is an operator."""

    def _expand(self, expand_input: Any, *, strict: bool) -> Any:
        mapped: Any = super()._expand(expand_input, strict=strict)
        arguments = mapped.operator.partial_kwargs
        arguments.update(unset_retries(arguments))  # the default_args are merged into them by now
        return mapped


def task_of(
    operator: type[ReturnedOperator], python_callable: Callable[..., Any] | None, kwargs: Mapping[str, Any]
) -> TaskDecorator:
    """The decorator whose function says what an operator makes.

    :param operator: the operator.
    :param python_callable: the function, if the decorator is used without brackets.
    :param kwargs: the operator's arguments.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        return _ReturnedTask(
            function=function,
            operator_class=operator,
            multiple_outputs=kwargs.get("multiple_outputs", attr.NOTHING),
            kwargs={n: v for n, v in kwargs.items() if n != "multiple_outputs"},
        )

    return cast("TaskDecorator", decorate if python_callable is None else decorate(python_callable))
