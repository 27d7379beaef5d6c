"""How much full decode the fleet can afford: pure book-keeping."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class FullDecodeBudget:
    """Cores (CPU-seconds per second) that sessions may spend on full decode, first come, first served."""

    cores: float
    _granted: dict[str, float] = field(default_factory=dict)

    @property
    def spent(self) -> float:
        """Cores granted now."""
        return sum(self._granted.values())

    def ask(self, stream: str, cost: float) -> bool:
        """Grant ``cost`` cores to the stream's session, in place of what it had; False when too little is left."""
        held = self._granted.get(stream, 0.0)
        if cost < 0 or self.spent - held + cost > self.cores:
            return False
        self._granted[stream] = cost
        return True

    def granted(self, stream: str) -> float:
        """Cores that the stream holds."""
        return self._granted.get(stream, 0.0)

    def release(self, stream: str) -> None:
        """The stream's session is over."""
        self._granted.pop(stream, None)
