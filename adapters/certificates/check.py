"""What a check of a certificate finds, and what all of them say together."""

from dataclasses import dataclass, replace

from adapters.contract.certificate import AnyCertificate
from adapters.contract.verification import CheckResult, Verdict, VerificationResult

SIGNER_UNKNOWN: Verdict = "consistent, signer unknown"


@dataclass(frozen=True)
class Check:
    """One property of a certificate: whether it holds, and a sentence that says what was found."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Verification:
    """All checks that could be made, the certificate if it could be read, and whether its signer was to be a known one.

    `issuers_word`: the fields that nothing was compared with.
    """

    checks: tuple[Check, ...]
    certificate: AnyCertificate | None = None
    is_signer_known: bool = False
    issuers_word: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> Verdict:
        """Whoever signed it with a key of their own can make everything else fit."""
        if not self.valid:
            return "not valid"
        return "valid" if self.is_signer_known else SIGNER_UNKNOWN

    @property
    def report(self) -> VerificationResult:
        """As clients read it."""
        checks = tuple(CheckResult(name=one.name, passed=one.passed, detail=one.detail) for one in self.checks)
        return VerificationResult(
            valid=self.valid,
            verdict=self.verdict,
            checks=checks,
            issuers_word=self.issuers_word,
            licences=() if self.certificate is None else self.certificate.licences,
        )

    def with_checks(self, *checks: Check) -> "Verification":
        return replace(self, checks=(*self.checks, *checks))

    def without_word(self, *names: str) -> "Verification":
        """Once these fields were compared with something too."""
        return replace(self, issuers_word=tuple(name for name in self.issuers_word if name not in names))
