"""The store: the tables as one thing to open and close."""

from palio.store.database import Database
from palio.store.files import Files
from palio.store.ledger import Ledger
from palio.store.migrate import migrate
from palio.store.tokens import Tokens
from palio.store.workflows import Workflows


class Store:
    """Everything durable but the bytes of blobs."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        try:
            migrate(self.database)
        except BaseException:
            self.database.close()
            raise
        self.workflows = Workflows(self.database)
        self.ledger = Ledger(self.database)
        self.files = Files(self.database)
        self.tokens = Tokens(self.database)

    def close(self) -> None:
        """Write what is waiting and let go of the database."""
        self.database.close()
