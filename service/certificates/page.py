"""A certificate as a page for people: everything escaped, nothing fetched, made for print."""

import base64
import hashlib
from html import escape
from string import Template

from adapters.certificates.checks import issuers_word
from adapters.certificates.wording import CAVEATS, LIMITS, licences_named, quoted, templates_named
from adapters.contract.certificate import (
    AnyCertificate,
    CertificateOfSets,
    CertificateOfSigmas,
    CertificateOfVersion1,
    OneClaim,
    claims_of,
)
from robustify.smoothing.statistics import rounded_down
from robustify.types import Noise

STYLE = """
body { font: 16px/1.5 Georgia, serif; color: #111; background: #fff }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.claim { border: 2px solid #111; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .5rem .25rem 0; text-align: left; vertical-align: top }
td { overflow-wrap: anywhere }
code { font-size: .85rem; overflow-wrap: anywhere }
@media print { body { margin: 0; max-width: none } h2, table, .claim { break-inside: avoid } }
"""
STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{STYLE_DIGEST}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Certificate of robustness</title>
<style>$style</style>
</head>
<body>
<h1>Certificate of robustness</h1>
<div class="claim">
$claim
</div>
<h2>What it does not say</h2>
<p>$limits</p>
<p>$caveat</p>
<h2>Why</h2>
<p>$reason</p>
<table>
<tr><th>label</th><th>selection votes</th><th>estimation votes</th></tr>
$votes
</table>
<h2>What it is about</h2>
<table>
$facts
</table>
<h2>How to check it</h2>
<p>Save the <a href="certificate.json">signed document</a> and run <code>robustify verify certificate.json --image FILE
--key KEYS</code>, with the keys from a source that you trust: it recomputes all of this from the counts, checks the
proof of the noise, and needs neither the models nor this service. With <code>--replay</code> it counts every vote
again, where the models are. Until then $word.</p>
</body>
</html>
""")
NOISES = {Noise.GAUSSIAN: "Gaussian noise", Noise.LATTICE: "Gaussian noise rounded to whole grey levels"}
SIZE = "its L2 distance, over all pixels and channels, each between 0 and 1, of the image as the model sees it"
MOST_VOTES = 50
"""Rows of the table: the document has them all."""


def certificate_page(certificate: AnyCertificate) -> str:
    """The page; radii are rounded down to four decimals."""
    return PAGE.substitute(
        style=STYLE,
        claim=claim(certificate),
        limits=escape(LIMITS),
        caveat=escape(CAVEATS[certificate.noise]),
        word=escape(issuers_word_of(certificate)),
        reason=escape(reason(certificate)),
        votes=vote_rows(certificate),
        facts=fact_rows(certificate),
    )


def claim(certificate: AnyCertificate) -> str:
    match certificate:
        case CertificateOfSets():
            return claim_of_sets(certificate)
        case CertificateOfSigmas():
            return claim_at_sigmas(certificate)
        case _:
            return one_claim(certificate)


def claim_at_sigmas(certificate: CertificateOfSigmas) -> str:
    """What answers, and at each sigma its answer and its radii."""
    answering = certificate.answering
    first = certificate.each[certificate.sigmas.index(answering.sigma)]
    alpha = escape(str(certificate.smoothing.alpha))
    largest = f"The largest radius is the answer; it is that of sigma {answering.sigma:g}."
    rows = [claim_row(f"{one.smoothing.sigma:g}", one) for one in certificate.each]
    return (
        one_claim(first.model_copy(update={"smoothing": certificate.smoothing}))
        + f"\n<p>{len(rows)} sigmas were asked about at once, each of them the standard deviation of the noise of a "
        f"smoothed classifier of its own. {'None has a radius.' if answering.radius is None else largest}</p>\n"
        "<table>\n<tr><th>sigma</th><th>answer</th><th>radius</th><th>in pixels of the file</th></tr>\n"
        + "\n".join(rows)
        + f"\n</table>\n<p>The procedure is wrong about any of them with probability at most {alpha}: all of them hold "
        "together, and so does the largest. Nothing is claimed of a classifier that takes another sigma for each image."
        "</p>"
    )


def claim_of_sets(certificate: CertificateOfSets) -> str:
    """Of each label set its answer and its radii."""
    alpha = escape(str(certificate.smoothing.alpha))
    rows = [claim_row(number, one) for number, one in enumerate(certificate.each, start=1)]
    return (
        f"<p><strong>{len(rows)} label sets were asked about at once. In each, no change of the image smaller than its "
        "radius can alter its answer.</strong></p>\n"
        "<table>\n<tr><th>label set</th><th>answer</th><th>radius</th><th>in pixels of the file</th></tr>\n"
        + "\n".join(rows)
        + f"\n</table>\n<p>The size of a change is {SIZE}. An answer is that of the smoothed classifier of its label "
        "set: the one given most often when random noise is added. The procedure that says so is wrong about any of "
        f"them with probability at most {alpha}: all of them hold together, and so does whichever is picked.</p>"
    )


def claim_row(place: object, claim: OneClaim) -> str:
    """An answer without a radius is no claim, and is left out."""
    if claim.radius is None or claim.label is None:
        return table_row(place, "none is certified", "", "")
    source = claim.radius_source_pixels
    in_file = "nothing is claimed" if source is None else f"{rounded_down(source):.4f}"
    return table_row(place, quoted(claim.label), f"{rounded_down(claim.radius):.4f}", in_file)


def one_claim(certificate: OneClaim) -> str:
    if certificate.radius is None or certificate.label is None:
        return f"<p><strong>{escape(uncertified(certificate.outcome))}</strong></p>"
    radius = rounded_down(certificate.radius)
    label, alpha = escape(quoted(certificate.label)), escape(str(certificate.smoothing.alpha))
    return (
        f"<p><strong>No change of the image smaller than {radius:.4f} can alter the answer, which is: <q>{label}</q>"
        f"</strong></p><p>The size of a change is {SIZE}; {source_limit(certificate.radius_source_pixels)}. The answer "
        "is that of the smoothed classifier: the one given most often when random noise is added. The procedure that "
        f"says so is wrong with probability at most {alpha}.</p>"
    )


def source_limit(radius: float | None) -> str:
    if radius is None:
        return "nothing is claimed of the pixels of the file that was sent"
    return f"in pixels of the file that was sent, the limit is {rounded_down(radius):.4f}"


def uncertified(outcome: str) -> str:
    if outcome == "not_certified":
        return "The radius that was asked for is not certified: too few samples agree."
    if outcome == "undecided":
        return "The radius that was asked for is neither certified nor ruled out: the samples did not decide."
    return "No radius is certified: the samples do not agree clearly enough to promise anything."


def reason(certificate: AnyCertificate) -> str:
    smoothing, estimation = certificate.smoothing, certificate.estimation_samples
    deviations = " and ".join(f"{sigma:g}" for sigma in certificate.sigmas or (smoothing.sigma,))
    how = (
        f"{certificate.selection_samples} noisy copies of the image chose the label, and {estimation} others (of "
        f"{smoothing.n} planned) estimated how often the classifier gives it, under {NOISES[certificate.noise]} with "
        f"standard deviation {deviations}."
    )
    if isinstance(certificate, CertificateOfSets):
        return f"{how} Each copy was classified in every label set."
    if isinstance(certificate, CertificateOfSigmas):
        return f"{how} There were so many with each standard deviation, which had a label and votes of its own."
    bound = certificate.bound
    if not bound.p_lower:
        return how
    return f"{how} By the bound {bound.name} its probability is at least {rounded_down(bound.p_lower):.4f}."


def vote_rows(certificate: AnyCertificate) -> str:
    claims = claims_of(certificate)
    if len(claims) == 1:
        return rows_of_claim(claims[0])
    sets = range(1, len(claims) + 1)
    places = [f"sigma {sigma:g}" for sigma in certificate.sigmas] or [f"label set {number}" for number in sets]
    heads = (table_row(place, "", "") for place in places)
    return "\n".join(f"{head}\n{rows_of_claim(one)}" for head, one in zip(heads, claims, strict=True))


def rows_of_claim(certificate: OneClaim) -> str:
    counts = zip(certificate.labels, certificate.selection_votes, certificate.votes, strict=True)
    rows = sorted(counts, key=lambda row: (-row[2], -row[1]))
    shown = "\n".join(table_row(*row) for row in rows[:MOST_VOTES])
    return shown if len(rows) <= MOST_VOTES else f"{shown}\n{table_row(f'and {len(rows) - MOST_VOTES} more', '', '')}"


def fact_rows(certificate: AnyCertificate) -> str:
    image, model = certificate.image, certificate.model
    facts = {
        "Canonical tensor (sha256)": image.sha256,
        "File that was sent (sha256)": image.source_sha256,
        "Size of the tensor": f"{image.height} x {image.width}",
        "Models": model.profile,
        **({"Licences": licences_named(certificate.licences)} if certificate.licences else {}),
        "Task": "none" if model.task is None else f"{quoted(model.task)}, version {model.version}",
        **template_facts(certificate),
        "Fingerprint": model.fingerprint,
        **noise_facts(certificate),
        "Issued": certificate.issued_at,
        "Signed with (Ed25519)": certificate.public_key,
        "Signature": certificate.signature,
    }
    return "\n".join(table_row(name, value) for name, value in facts.items())


def template_facts(certificate: AnyCertificate) -> dict[str, str]:
    """What the labels stand in."""
    templates = certificate.task.templates
    if not templates:
        return {"Prompt template": quoted(certificate.template)}
    return {"Prompt templates": f"the mean over {len(templates)}, {templates_named(templates)}"}


def noise_facts(certificate: AnyCertificate) -> dict[str, str]:
    """What the noise was made of."""
    if isinstance(certificate, CertificateOfVersion1):
        return {"Commitment to the noise": certificate.seed_commitment}
    randomness, hardware = certificate.randomness, certificate.model.hardware
    return {
        "Counted on": f"{hardware.processor}, {hardware.threads} threads",
        "Noise": randomness.stream,
        "Noise key (RSA modulus)": randomness.modulus,
        "Proof of the noise": randomness.proof,
    }


def issuers_word_of(certificate: AnyCertificate) -> str:
    return f"these are the issuer's word: {', '.join(issuers_word(certificate, is_file_given=False))}"


def table_row(*values: object) -> str:
    return "<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in values) + "</tr>"
