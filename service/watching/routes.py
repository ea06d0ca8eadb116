"""GET /metrics."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from service.dependencies import ServiceDependency
from service.examples import Document
from service.openapi import problems
from service.watching.scrape import Metrics, exposition
from service.watching.watch import Watching

TEXT: Document = {
    "description": "Each figure on a line of its own, behind its name and its labels",
    "content": {"text/plain": {"schema": {"type": "string", "examples": ["robustify_queue_up 1.0\n"]}}},
}

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="What is counted, for Prometheus",
    response_class=PlainTextResponse,
    responses={200: TEXT, **problems()},
)
async def get_metrics(request: Request, service: ServiceDependency) -> Response:
    """Figures of the queue, the workers and this process in Prometheus's text format. Without a queue server it answers
    too, with `robustify_queue_up 0`.
    """
    metrics: Metrics = request.app.state.metrics
    watching: Watching = request.app.state.watching
    return Response(await exposition(service, metrics, watching.log), media_type=CONTENT_TYPE_PLAIN_0_0_4)
