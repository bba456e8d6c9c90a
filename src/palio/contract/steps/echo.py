"""The step that gives back its message: the first one to try, and free."""

from pydantic import BaseModel, ConfigDict

from palio.contract.image.fields import Text
from palio.contract.price import FREE, Price


class EchoInput(BaseModel):
    """A message of at most 64 KiB."""

    model_config = ConfigDict(frozen=True)

    message: Text

    def price(self) -> Price:
        """Nothing."""
        return FREE
