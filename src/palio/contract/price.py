"""What a step costs in Buzz, the contract's unit, by the published formulas."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Price:
    """Factors whose product, rounded up, is the base price; fixed amounts and fees come on top."""

    factors: dict[str, float] = field(default_factory=dict)
    fixed: dict[str, int] = field(default_factory=dict)

    @property
    def base(self) -> int:
        # Rounding first to 9 places keeps 8 x 1.6 x ... from becoming one more for a float's last bit.
        return math.ceil(round(math.prod(self.factors.values()), 9)) if self.factors else 0

    @property
    def total(self) -> int:
        return self.base + sum(self.fixed.values())


FREE = Price()
