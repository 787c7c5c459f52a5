"""What requests may say: their bodies as models, and one sentence for what is wrong with one."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 16 * 1024
TITLE_MOST = 200

OF_FORMS = {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}
"""What a form of any other site can send, unasked: it would log a visitor in as somebody else."""

# Control characters are for no page and no PDF, and PostgreSQL keeps no NUL.
Title = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=TITLE_MOST, pattern=r"^[^\x00-\x1f\x7f]*$"
    ),
]


class Body(BaseModel):
    """The body of a request; what it does not know it refuses."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class NewHomework(Body):
    """A homework that a pupil notes down."""

    title: Annotated[
        Title,
        Field(description=f'a line of 1 to {TITLE_MOST} characters, such as "Fractions, page 42"'),
    ]


class Change(Body):
    """What of a homework may change."""

    done: Annotated[bool, Field(description="true or false")]


class Credentials(Body):
    """Who wants to log in."""

    name: Annotated[str, Field(max_length=64, description='such as "student-1"')]
    password: Annotated[str, Field(max_length=256, description="a string", repr=False)]
    remember: Annotated[bool, Field(description="true, to be logged in for 30 days; or false")] = (
        False
    )


B = TypeVar("B", bound=Body)


async def read(request: Request, model: type[B]) -> B:
    """Read a request's body.

    Raises HTTPException, which says what is wrong and what would be right.
    """
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent in OF_FORMS:
        raise HTTPException(
            415, f"the body is {sent}; send JSON, with Content-Type: application/json"
        )
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise HTTPException(413, f"the body has more than {MOST_BYTES} bytes")
    try:
        return model.model_validate_json(bytes(content))
    except ValidationError as error:
        raise HTTPException(400, _sentence(model, error)) from error


def _sentence(model: type[Body], error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"])) or "the body"
    right = ", ".join(f"{name}: {field.description}" for name, field in model.model_fields.items())
    return f"{where}: {first['msg']}; it should be a JSON object with {right}"
