"""Settings are frozen models built from a mapping: a test needs no environment, nothing is read twice."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from services.runtime.exits import WrongUse

PREFIX: Final = "REFERRAL_"
SERVICES: Final = ("ROUTER", "LEDGER", "NOTIFIER", "SIMULATOR", "SINK", "CONSOLE")
"""Whose variables may stand in an environment; each process checks those of the models it reads."""
MASK: Final = "********"
_NEAR: Final = 0.8
"""How alike (difflib ratio) a name outside our prefix must be to one of ours to count as a slip."""


class Settings(BaseSettings):
    """A service's settings. Declare fields and `env_prefix`; `read` builds it, and it never changes.

    The variable of a field is the prefix and the field in capitals, or its `validation_alias`.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX, populate_by_name=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `read` passes in: the process's own environment is nobody's default."""
        return (init_settings,)

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Field name by variable name."""
        return {_variable(cls, name, field): name for name, field in cls.model_fields.items()}

    def masked(self) -> dict[str, str]:
        """Every variable with the value in force; secrets as asterisks, what is not set as an empty text."""
        return {variable: _shown(getattr(self, field)) for variable, field in self.variables().items()}


class SharedSettings(Settings):
    """What every service reads."""

    config_dir: Path = Path("deploy")


Model = TypeVar("Model", bound=Settings)


def read(model: type[Model], environment: Mapping[str, str], also: Iterable[type[Settings]] = ()) -> Model:
    """Build `model` from the variables that are its own; an empty variable counts as not set.

    `also`: further models the same process reads, whose names are then known too.
    Raises WrongUse: a value that does not hold, or a variable under our prefix that nobody reads.
    """
    _refuse_unknown((model, SharedSettings, *also), environment)
    given = {field: environment[variable] for variable, field in model.variables().items() if environment.get(variable)}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise WrongUse("\n".join(_explain(model, error))) from None


def document(*models: type[Settings]) -> str:
    """A Markdown table of the models' variables: name, default, meaning."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for model in models:
        for variable, name in model.variables().items():
            field = model.model_fields[name]
            default = "required" if field.is_required() else f"`{_shown(field.get_default()) or 'not set'}`"
            lines.append(f"| `{variable}` | {default} | {field.description or ''} |")
    return "\n".join(lines) + "\n"


def _variable(model: type[Settings], name: str, field: FieldInfo) -> str:
    if isinstance(field.validation_alias, str):
        return field.validation_alias
    return f"{model.model_config.get('env_prefix', '')}{name}".upper()


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _refuse_unknown(models: Iterable[type[Settings]], environment: Mapping[str, str]) -> None:
    prefixes = {model.model_config.get("env_prefix", "").upper() for model in models}
    known = {variable for model in models for variable in model.variables()}
    problems = [
        _unknown(variable, known)
        for variable in sorted(environment.keys() - known)
        if _is_ours(variable, prefixes) or _is_slip(variable, prefixes, known)
    ]
    if problems:
        raise WrongUse("\n".join(problems))


def _is_ours(variable: str, prefixes: set[str]) -> bool:
    """True under a prefix these models own, and under REFERRAL_ unless it is another service's."""
    if not variable.startswith(PREFIX):
        return False
    others = {f"{PREFIX}{service}_" for service in SERVICES} - prefixes
    return not any(variable.startswith(other) for other in others)


def _is_slip(variable: str, prefixes: set[str], known: set[str]) -> bool:
    """True for a near miss outside REFERRAL_: KAFKA_HEAP_OPTS is another's, KAFKA_BOOTSTRAP_SERVER is not."""
    return any(prefix and variable.startswith(prefix) for prefix in prefixes - {PREFIX}) and bool(
        get_close_matches(variable, known, n=1, cutoff=_NEAR)
    )


def _unknown(variable: str, known: set[str]) -> str:
    candidates = known | {_with_nearest_service(variable)}
    nearest = get_close_matches(variable, candidates - {variable}, n=1, cutoff=0.5)
    advice = f"the nearest is {nearest[0]}" if nearest else "known are " + ", ".join(sorted(known))
    return f"{variable}: no setting has this name; {advice}"


def _with_nearest_service(variable: str) -> str:
    """REFERRAL_ROUTR_PORT as REFERRAL_ROUTER_PORT, where the router's own names are not known."""
    service, separator, rest = variable.removeprefix(PREFIX).partition("_")
    nearest = get_close_matches(service, SERVICES, n=1, cutoff=0.7)
    return f"{PREFIX}{nearest[0]}{separator}{rest}" if nearest and rest else variable


def _explain(model: type[Settings], error: ValidationError) -> Iterable[str]:
    fields = {field: variable for variable, field in model.variables().items()}
    for problem in error.errors(include_url=False, include_context=False):
        text = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            yield from text.splitlines()
            continue
        place = str(problem["loc"][0])
        variable = fields.get(place, place)
        yield f"{variable}: {_found(model, place, problem['input'])}{text[0].lower()}{text[1:]}"


def _found(model: type[Settings], field: str, value: Any) -> str:
    """What stood there, unless it is a secret's field or nothing stood there."""
    info = model.model_fields.get(field)
    secret = info is not None and "SecretStr" in str(info.annotation)
    return f"found {value!r}; " if isinstance(value, str) and not secret else ""
