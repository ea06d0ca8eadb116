"""What `robustify evaluate` runs for each image: CERTIFY under a rule, or PREDICT by a test."""

from dataclasses import dataclass

from adapters.contract.certify import CertifyParameters, check_certificate
from adapters.contract.fields import accepted, parse_fields
from robustify.errors import InvalidInputError
from robustify.types import Bound, Noise, PredictTest, SmoothingParameters


@dataclass(frozen=True)
class Procedure:
    """The paper's CERTIFY unless something else is said. `test` stands for PREDICT, which has no bound."""

    bound: Bound = Bound.CLOPPER_PEARSON
    target_radius: float | None = None
    tolerance: float | None = None
    test: PredictTest | None = None
    noise: Noise = Noise.GAUSSIAN

    def fields(self, parameters: SmoothingParameters) -> dict[str, object]:
        """Of a request to a server."""
        common: dict[str, object] = {
            "sigma": parameters.sigma,
            "n": parameters.n,
            "alpha": parameters.alpha,
            "noise": self.noise.value,
        }
        if self.test is not None:
            return {**common, "test": self.test.value}
        bound = "auto" if self.bound is Bound.ANYTIME else self.bound.value
        aims = {"target_radius": self.target_radius, "tolerance": self.tolerance}
        return {**common, "n0": parameters.n0, "bound": bound, **aims}


def procedure_of(
    parameters: SmoothingParameters,
    bound: str | None = None,
    target_radius: float | None = None,
    tolerance: float | None = None,
    test: str | None = None,
    noise: Noise = Noise.GAUSSIAN,
) -> Procedure:
    """Checked as a request would be; raises InvalidInputError."""
    if test is not None:
        if (bound, target_radius, tolerance) != (None, None, None):
            raise InvalidInputError("--test is for predictions: leave out what a radius is certified by", "test")
        return Procedure(test=PredictTest(test), noise=noise)
    is_aimed = target_radius is not None or tolerance is not None
    values = {
        "n": parameters.n,
        "n0": parameters.n0,
        "alpha": parameters.alpha,
        "bound": bound or ("auto" if is_aimed else Bound.CLOPPER_PEARSON.value),
        "target_radius": target_radius,
        "tolerance": tolerance,
    }
    asked, problems = parse_fields("evaluate", CertifyParameters, values, strict=False)
    found = accepted(asked, problems if asked is None else check_certificate(asked, parameters.sigma))
    return Procedure(found.bound_used, target_radius, tolerance, noise=noise)
