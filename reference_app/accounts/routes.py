"""DELETE /me."""

from fastapi import APIRouter, Response

from reference_app.accounts.service import Accounts
from reference_app.auth.service import CurrentPerson
from reference_app.errors import NotSignedIn, refusals

router = APIRouter(tags=["profiles"])


@router.delete("/me", status_code=202, response_class=Response, responses=refusals(NotSignedIn))
async def delete_account(person: CurrentPerson, accounts: Accounts) -> None:
    """Gone for everybody at once, all sessions ended; everything that is stored is erased within minutes."""
    await accounts.delete(person)
