from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import jsonschema
import pytest
import requests
from PIL import Image
from requests_oauthlib import OAuth1

from x_sandbox.exchange import Operation

OPENAPI = Path(__file__).parents[3] / "shared/x-api/openapi-2.167.json"


class OpenApi:
    """X's OpenAPI document, as a judge of requests and answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._problems = document["components"]["schemas"]["Problem"]["discriminator"]["mapping"]

    def _check(self, value: Any, schema: dict[str, Any]) -> None:
        whole = {**schema, "components": self._document["components"]}
        jsonschema.Draft202012Validator(whole).validate(value)

    def schema(self, name: str) -> dict[str, Any]:
        return self._document["components"]["schemas"][name]

    def described(self, operation: Operation) -> dict[str, Any]:
        """Return what the document says about one of the sandbox's operations."""
        return self._document["paths"][operation.path][operation.method.lower()]

    def query_parameters(self, operation: Operation) -> set[str]:
        shared = self._document["components"]["parameters"]
        found = [
            shared[item["$ref"].rpartition("/")[2]] if "$ref" in item else item
            for item in self.described(operation).get("parameters", [])
        ]
        return {item["name"] for item in found if item["in"] == "query"}

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """Find an operation by a concrete path; literal paths win over those with parameters."""
        parts = path.split("/")
        found = [
            template
            for template, operations in self._document["paths"].items()
            if method.lower() in operations
            and len(template.split("/")) == len(parts)
            and all(a == b or a.startswith("{") for a, b in zip(template.split("/"), parts, strict=True))
        ]
        found.sort(key=lambda template: template.count("{"))
        return self._document["paths"][found[0]][method.lower()] if found else None

    def judge(self, response: requests.Response, *_: Any, **__: Any) -> None:
        """A hook for requests: the answer must be one the document allows to a request that it allows."""
        request = response.request
        operation = self.operation(request.method or "", urlsplit(request.url or "").path)
        if operation is None:
            return
        self._judge_request(request, operation, response)
        if response.ok:
            content = operation["responses"][str(response.status_code)]["content"]["application/json"]
            if "tweet.fields" not in (request.url or ""):
                self._check(response.json(), content["schema"])
        elif response.json().get("type") in self._problems:
            self._check(response.json(), {"$ref": "#/components/schemas/Problem"})

    def _judge_request(self, request: Any, operation: dict[str, Any], response: requests.Response) -> None:
        if request.headers.get("content-type") != "application/json":
            return
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        try:
            self._check(json.loads(request.body), schema)
        except jsonschema.ValidationError:
            assert response.status_code >= 400, f"the document forbids {request.body!r}"


@pytest.fixture(scope="session")
def openapi() -> OpenApi | None:
    """The document, or None where it is not beside the checkout."""
    return OpenApi(json.loads(OPENAPI.read_text())) if OPENAPI.exists() else None


@dataclass
class Api:
    """One account's way to the API: signs, and has every exchange judged by the OpenAPI document."""

    url: str
    session: requests.Session
    account: dict[str, Any]

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=10, **options)

    def get(self, path: str, **params: str) -> requests.Response:
        query = {name.replace("_fields", ".fields"): value for name, value in params.items()}
        return self.call("GET", path, params=query)

    def post(self, path: str, json: Any = None, **options: Any) -> requests.Response:
        return self.call("POST", path, json=json, **options)

    def create(self, text: str = "", **members: Any) -> str:
        """Create a post and return its id."""
        body = {"text": text, **members} if text else members
        response = self.post("/2/tweets", body)
        assert response.status_code == 201, response.text
        return response.json()["data"]["id"]

    def refusal(self, text: str = "", **members: Any) -> tuple[int, str]:
        """Try to create a post and return the status and the detail (or first message) of the refusal."""
        response = self.post("/2/tweets", {"text": text, **members} if text else members)
        assert response.status_code >= 400, response.text
        problem = response.json()
        return response.status_code, problem.get("errors", [{"message": problem["detail"]}])[0]["message"]

    def upload(self, content: bytes, category: str) -> requests.Response:
        return self.post("/2/media/upload", data={"media_category": category}, files={"media": content})

    def image(self, content: bytes) -> str:
        response = self.upload(content, "tweet_image")
        assert response.status_code == 200, response.text
        return response.json()["data"]["id"]

    def upload_in_segments(
        self, content: bytes, *, media_type: str, category: str, size: int
    ) -> requests.Response:
        """Initialize, append segments of `size` bytes, finalize; return the answer of finalize."""
        opened = self.post(
            "/2/media/upload/initialize",
            {"media_type": media_type, "total_bytes": len(content), "media_category": category},
        )
        assert opened.status_code == 200, opened.text
        media_id = opened.json()["data"]["id"]
        for index in range(0, len(content), size):
            appended = self.post(
                f"/2/media/upload/{media_id}/append",
                data={"segment_index": str(index // size)},
                files={"media": content[index : index + size]},
            )
            assert appended.status_code == 200, appended.text
        return self.post(f"/2/media/upload/{media_id}/finalize")

    def status(self, media_id: str) -> dict[str, Any]:
        response = self.get("/2/media/upload", command="STATUS", media_id=media_id)
        assert response.status_code == 200, response.text
        return response.json()["data"]


@pytest.fixture
def api_of(openapi: OpenApi | None) -> Callable[..., Api]:
    """Make an `Api` for an account: `api_of(server, 1)`, or `api_of(server, 1, bearer=token)`."""

    def make(server: Any, number: int = 0, *, bearer: str | None = None) -> Api:
        account, app = server.accounts[number], server.credentials
        session = requests.Session()
        if bearer:
            session.headers["Authorization"] = f"Bearer {bearer}"
        else:
            session.auth = OAuth1(
                app["api_key"], app["api_secret"], account["access_token"], account["access_token_secret"]
            )
        if openapi:
            session.hooks["response"].append(openapi.judge)
        return Api(server.url, session, account)

    return make


@pytest.fixture
def alice(sandbox: Any, api_of: Callable[..., Api]) -> Api:
    return api_of(sandbox, 0)


@pytest.fixture
def bob(sandbox: Any, api_of: Callable[..., Api]) -> Api:
    return api_of(sandbox, 1)


@pytest.fixture(scope="session")
def png() -> bytes:
    return _image("PNG")


@pytest.fixture(scope="session")
def gif() -> bytes:
    frames = [Image.new("RGB", (32, 24), color) for color in ("red", "green", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def mp4() -> bytes:
    """A second of video, 64 by 48."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(10):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), (shade * 20, 0, 0)))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def _image(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20), "teal").save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def long_video() -> bytes:
    """Two frames, 21 minutes apart."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for second in (0, 21 * 60):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), "navy"))
            frame.pts = second
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()
