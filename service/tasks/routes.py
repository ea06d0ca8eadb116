"""Tasks: list, read, let another version answer, delete."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Request

from adapters.contract.fields import accepted, parse_fields
from service.access.caller import CallerDependency
from service.body.receive import receive_fields
from service.dependencies import KnownTask, ServiceDependency
from service.errors import store_failures
from service.openapi import json_body, problems
from service.tasks.actions import delete, figures_of, is_served, make_current
from service.tasks.schemas import CurrentVersion, TaskDescription, Tasks, Versions, describe_task, describe_version

router = APIRouter(tags=["tasks"])


# Routes that are not async are run in threads: they read files.
@router.get("/tasks", operation_id="listTasks", summary="All tasks", responses=problems(503))
def list_tasks(service: ServiceDependency, caller: CallerDependency) -> Tasks:
    """Those of the caller, by name."""
    with store_failures():
        return Tasks(tasks=[describe_task(task) for task in service.tasks_of(caller.owner).all()])


@router.get("/tasks/{name}", operation_id="getTask", summary="A task", responses=problems(404, 503))
def get_task(task: KnownTask) -> TaskDescription:
    """The task of that name or id."""
    return describe_task(task)


@router.get(
    "/tasks/{name}/versions",
    operation_id="listVersions",
    summary="The versions of a task, and what each brought",
    responses=problems(404, 503),
)
def list_versions(task: KnownTask, service: ServiceDependency) -> Versions:
    """In the order in which they were made. A version never changes."""
    described = [
        describe_version(task, version, is_served(service, version), figures_of(service, version))
        for version in task.versions
    ]
    return Versions(versions=described)


async def wanted_version(request: Request) -> int:
    """The number that the body names."""
    values = await receive_fields(request)
    return accepted(*parse_fields("/tasks/{name}/current", CurrentVersion, values, strict=True)).version


@router.put(
    "/tasks/{name}/current",
    operation_id="setCurrentVersion",
    summary="Let another version of a task answer",
    responses=problems(400, 404, 408, 409, 413, 415, 422, 503),
    openapi_extra=json_body(CurrentVersion),
)
async def set_current_version(
    task: KnownTask,
    number: Annotated[int, Depends(wanted_version)],
    service: ServiceDependency,
    caller: CallerDependency,
) -> TaskDescription:
    """Goes back to an earlier version, or forward again, at once and for every request from here on. Jobs that were
    submitted before keep the version that they have.
    """
    return describe_task(await anyio.to_thread.run_sync(make_current, service, caller.owner, task, number))


@router.delete(
    "/tasks/{name}",
    operation_id="deleteTask",
    summary="Delete a task",
    status_code=204,
    responses=problems(404, 409, 503),
)
def delete_task(task: KnownTask, service: ServiceDependency, caller: CallerDependency) -> None:
    """Deletes the task with all its versions, and what no other task was adapted with; refused while a job that is not
    done answers with it or adapts it. Outcomes that it gave stay.
    """
    delete(service, caller.owner, task)
