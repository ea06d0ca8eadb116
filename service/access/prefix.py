"""The path under which a reverse proxy shows the service, whether the proxy takes it off or not."""

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send


class Prefix:
    """Tells the application where it is shown, so that it finds its routes, and its description names the place."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self.app = app
        self.root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if not path.startswith(f"{self.root_path}/"):
            path = self.root_path + path
        await self.app({**scope, "root_path": self.root_path, "path": path}, receive, send)


def prefixed(request: Request, path: str) -> str:
    """A path of ours as a client has to ask for it: for links and `Location`."""
    root_path: str = request.scope.get("root_path", "")
    return root_path + path
