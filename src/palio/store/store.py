"""The store: the tables as one thing to open and close."""

import sqlite3

from sqlalchemy.exc import SQLAlchemyError

from palio.contract.identity import new_id
from palio.errors import SetupError
from palio.store.database import Database
from palio.store.files import Files
from palio.store.ledger import Ledger
from palio.store.migrate import migrate
from palio.store.records import Records
from palio.store.tokens import Tokens
from palio.store.workflows import Workflows


class Store:
    """Everything durable but the bytes of blobs."""

    def __init__(self, url: str) -> None:
        try:
            self.database = Database(url)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise _cannot_open(url, error) from error
        try:
            migrate(self.database)
        except (SQLAlchemyError, sqlite3.Error) as error:
            self.database.close()
            raise _cannot_open(url, error) from error
        except BaseException:
            self.database.close()
            raise
        self.workflows = Workflows(self.database)
        self.ledger = Ledger(self.database, holder=new_id())
        self.records = Records(self.database)
        self.files = Files(self.database)
        self.tokens = Tokens(self.database)

    def close(self) -> None:
        """Write what is waiting and let go of the database."""
        self.database.close()


def _cannot_open(url: str, error: Exception) -> SetupError:
    """The driver's own words, and where; never the password in the URL."""
    where = url.rpartition("@")[2].removeprefix("sqlite:///")
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()
    return SetupError(f"the database {where} cannot be opened: {reason[0] if reason else type(error).__name__}")
