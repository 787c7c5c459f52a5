"""A pupil's report: asked for, made by a job whose progress can be seen, and downloaded."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from homework.jobs import make_report
from homework.web.services import services_of
from homework.web.who import pupil_of, session_of
from osnovci.queues.job import JobStatus
from osnovci.queues.operations import enqueue, get
from osnovci.queues.tasks import task_of

ACCEPTED = 202
NEWEST = "/api/reports/newest.pdf"
TASK = task_of(make_report).name


async def ask(asked: Request) -> Response:
    """Have a report made; the answer says where its progress is."""
    job = await services_of(asked).queues.run(enqueue(make_report, pupil_of(asked).name))
    headers = {"location": f"/api/reports/{job}"}
    return JSONResponse(_shown(job, JobStatus.QUEUED, 0.0), ACCEPTED, headers)


async def progress(asked: Request) -> Response:
    """Say how far a report is."""
    session_of(asked)
    wanted: str = asked.path_params["id"]
    job = await services_of(asked).queues.run(get(wanted))
    if job is None or job.task != TASK:
        raise HTTPException(404, f"there is no report {wanted} any more; ask for a new one")
    return JSONResponse(_shown(job.id, job.status, job.progress or 0.0))


async def download(asked: Request) -> Response:
    """Give the newest report of the pupil."""
    pupil = pupil_of(asked)
    async with services_of(asked).database.connection() as connection:
        pdf = await connection.fetchval("SELECT pdf FROM report WHERE student = $1", pupil.name)
    if pdf is None:
        raise HTTPException(404, f"{pupil.name} has no report yet; POST /api/reports asks for one")
    named = {"content-disposition": f'attachment; filename="homework-{pupil.name}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers=named)


def _shown(job: str, status: JobStatus, fraction: float) -> dict[str, Any]:
    is_done = status is JobStatus.FINISHED
    return {
        "id": job,
        "status": status,
        "progress": 1.0 if is_done else fraction,
        "pdf": NEWEST if is_done else None,
    }


ROUTES = [
    Route("/api/reports", ask, methods=["POST"]),
    Route(NEWEST, download, methods=["GET"]),
    Route("/api/reports/{id}", progress, methods=["GET"]),
]
