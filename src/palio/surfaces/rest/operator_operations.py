"""Operations for whoever runs the server, with an operator's token."""

from starlette.requests import Request
from starlette.responses import Response

from palio.engine.reports import report_providers
from palio.engine.room import Room
from palio.surfaces.rest.accounts import Accounts
from palio.surfaces.rest.operation import Access, Operation, Reply, schema
from palio.surfaces.rest.replies import json_reply


class OperatorOperations:
    """Handlers for everything below /v2/operator."""

    def __init__(self, room: Room, accounts: Accounts) -> None:
        self._room = room
        self._accounts = accounts

    async def providers(self, request: Request) -> Response:
        await self._accounts.operator(request)
        return json_reply(report_providers(self._room))

    def operations(self) -> tuple[Operation, ...]:
        """The routes."""
        return (
            Operation(
                "GET",
                "/v2/operator/providers",
                "listProviders",
                "How the providers stand: places, lines, faults, speed and money",
                self.providers,
                "Operators",
                {200: Reply("Every provider.", schema("ProviderReports"))},
                access=Access.operator,
            ),
        )
