"""Who has something of its own: a key, or the operator on its own machine."""

from typing import Annotated

from fastapi import Depends

from adapters.contract.access import Caller, Scope
from service.access.authentication import missing_key
from service.access.caller import CallerDependency


def owning_caller(caller: CallerDependency) -> Caller:
    """Who asks. Where anybody may ask without a key, those who do are all one: none may see or delete what others have.

    Raises the problem then; a job's id, which nobody can guess, still opens that job.
    """
    if not caller.has_key and Scope.ADMIN not in caller.scopes:
        raise missing_key()
    return caller


OwningCaller = Annotated[Caller, Depends(owning_caller)]
