"""Checks rendered manifests, read from standard input, against the schemas of Kubernetes and of KEDA.

kubectl kustomize FOLDER | python .ci/manifests.py FOLDER 1.30 1.34
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

KEDA = "keda.sh/v1alpha1"


def problems(document: Mapping[str, Any], versions: Sequence[str]) -> Iterator[str]:
    """What is wrong with one object; nothing is taken that a schema does not know."""
    if document["apiVersion"] == KEDA:
        yield from keda_problems(document)
        return
    import kubernetes_validate

    for version in versions:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"Kubernetes {version}: {'.'.join(map(str, error.path))}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"Kubernetes {version}: {error.message}"


def keda_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """By the models that a package makes of KEDA's definitions; they drop what they do not know, which is then told."""
    from cloudcoil.models.keda import v1alpha1
    from pydantic import ValidationError

    try:
        read = getattr(v1alpha1, document["kind"]).model_validate(document)
    except AttributeError:
        yield "KEDA has no such kind"
    except ValidationError as error:
        yield from (f"KEDA: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    else:
        known = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
        yield from (f"KEDA: {place} is not known" for place in lost(document, known))


def lost(given: Any, known: Any, place: str = "") -> Iterator[str]:
    """The places of what was given and is not known."""
    if isinstance(given, dict) and isinstance(known, dict):
        for key, value in given.items():
            yield from lost(value, known[key], f"{place}.{key}") if key in known else [f"{place}.{key}"]
    elif isinstance(given, list) and isinstance(known, list) and len(given) == len(known):
        for number, pair in enumerate(zip(given, known, strict=True)):
            yield from lost(*pair, f"{place}[{number}]")
    elif given != known:
        yield place


def main(folder: str, versions: Sequence[str]) -> int:
    """Prints what is wrong, and how many objects there are; 1 where anything is."""
    documents = list(yaml.safe_load_all(sys.stdin))
    found = [
        f"{folder}: {document['kind']} {document['metadata']['name']}: {problem}"
        for document in documents
        for problem in problems(document, versions)
    ]
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{folder}: {len(documents)} objects, {len(found)} problems")
    return int(bool(found) or not documents)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
