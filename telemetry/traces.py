"""Traces, where somebody collects them: OTEL_EXPORTER_OTLP_ENDPOINT in the environment says where to. Without it
nothing of OpenTelemetry is imported, and a span costs a comparison.

What a span says is numbers and names of steps; statements go out without their values.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
NOTHING: AbstractContextManager[Any] = nullcontext()
_tracer: Any = None


def start_traces(*, kind: str, version: str) -> bool:
    """Once for each process, before its first request or job. Whether anything is traced."""
    global _tracer
    if _tracer is not None or not os.environ.get(ENDPOINT):
        return _tracer is not None
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", f"predictive-routing-{kind}")
    resource = Resource.create({"service.name": name, "service.version": version})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    PsycopgInstrumentor().instrument(tracer_provider=provider, skip_dep_check=True)
    _tracer = provider.get_tracer("routing")
    return True


def span(name: str, **numbers: int | str) -> AbstractContextManager[Any]:
    """A step of the present trace; nothing where nothing is traced."""
    if _tracer is None:
        return NOTHING
    started: AbstractContextManager[Any] = _tracer.start_as_current_span(name, attributes=numbers or None)
    return started


def is_traced() -> bool:
    return _tracer is not None


def statement_span(statement: str) -> AbstractContextManager[Any]:
    """A statement with places for its values, which stay here."""
    return (
        NOTHING
        if _tracer is None
        else span("statement", **{"db.system": "postgresql", "db.statement": statement})
    )


@contextmanager
def request_span(name: str, headers: Mapping[str, str]) -> Iterator[Any]:
    """The first span of a request, which goes on with the caller's trace; None where nothing is traced."""
    if _tracer is None:
        yield None
        return
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carried = {"traceparent": headers.get("traceparent", "")}
    context = TraceContextTextMapPropagator().extract(carried)
    with _tracer.start_as_current_span(name, context=context, kind=SpanKind.SERVER) as started:
        yield started


def trace_ids() -> Mapping[str, str]:
    """Of the present span, for a line of the log."""
    if _tracer is None:
        return {}
    from opentelemetry import trace

    here = trace.get_current_span().get_span_context()
    if not here.is_valid:
        return {}
    return {"trace_id": f"{here.trace_id:032x}", "span_id": f"{here.span_id:016x}"}


def flush_traces(seconds: float = 3.0) -> None:
    """What is not sent yet, before the process ends."""
    if _tracer is not None:
        from opentelemetry import trace

        provider: Any = trace.get_tracer_provider()
        provider.force_flush(int(seconds * 1000))
