"""How the providers stand, told to the operator."""

from palio.contract.operators import ModelReport, ProviderReport, ProviderReports, ServedReport
from palio.engine.room import Room
from palio.race.breaker import BreakerState
from palio.race.field import ModelStanding, Standing


def report_providers(room: Room) -> ProviderReports:
    """Every provider of a room as it stands now."""
    return ProviderReports(items=[_provider(room, standing) for standing in room.field.standings()])


def _provider(room: Room, standing: Standing) -> ProviderReport:
    stand, gate = standing.stand, standing.stand.gate
    state, reason = _state(standing)
    provider = room.providers[stand.entrant.name]
    return ProviderReport(
        name=stand.entrant.name,
        kind=provider.kind,
        state=state,
        reason=reason,
        running=gate.running,
        waiting=gate.waiting,
        limit=gate.limit,
        places=gate.places,
        opens_in=round(gate.opens_in(), 3) or None,
        spent=round(stand.spent, 6),
        models=[_model(model) for model in standing.models],
        serves=[ServedReport(model=it.model, family=it.family, members=list(it.members)) for it in provider.serves()],
    )


def _state(standing: Standing) -> tuple[str, str | None]:
    """A word for how a provider is, and a sentence for why."""
    stand = standing.stand
    if stand.is_disabled:
        return "disabled", stand.disabled
    if stand.gate.opens_in() > 0:
        return "limited", "it takes no more for now"
    barred = [model.model or "all models" for model in standing.models if model.breaker is not BreakerState.closed]
    if barred:
        return "failing", f"left alone after faults: {', '.join(barred)}"
    slow = [model.model or "all models" for model in standing.models if model.is_slow]
    if slow:
        return "slow", f"much slower than usual: {', '.join(slow)}"
    return "ready", None


def _model(standing: ModelStanding) -> ModelReport:
    return ModelReport(
        model=standing.model,
        breaker=standing.breaker.value,
        opens_in=round(standing.opens_in, 1) or None,
        is_slow=standing.is_slow,
        runs=standing.runs,
        success=round(standing.success, 3),
        median_seconds=round(standing.median, 3),
        late_seconds=round(standing.late, 3),
    )
