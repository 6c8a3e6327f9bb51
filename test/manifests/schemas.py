"""Holds rendered manifests to Kubernetes' JSON schemas, strictly: an unknown field is an error, where a server would drop it.

    kubectl kustomize DIR | python schemas.py 1.31.0 1.37.0
"""

import sys

import kubernetes_validate
import yaml

# Kinds that no cluster has by itself: ./policy and test/deploy look at them.
ELSEWHERE = {
    ("monitoring.coreos.com/v1", "PodMonitor"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
    ("kafka.strimzi.io/v1", "KafkaConnector"),
}

objects = [each for each in yaml.safe_load_all(sys.stdin) if each is not None]
if not objects:
    sys.exit("nothing was given")
faults = 0
looked_at = 0
for each in objects:
    if (each["apiVersion"], each["kind"]) in ELSEWHERE:
        continue
    looked_at += 1
    name = f"{each['kind']}/{each['metadata']['name']}"
    for version in sys.argv[1:]:
        try:
            kubernetes_validate.validate(each, version, strict=True)
        except Exception as error:  # Of several classes, and each is a fault of the object.
            faults += 1
            where = ".".join(str(part) for part in getattr(error, "path", []))
            print(f"{name}, {version}: {where} {getattr(error, 'message', error)}")
if faults:
    sys.exit(1)
print(f"{looked_at} of {len(objects)} objects have a schema in Kubernetes, and fit {' and '.join(sys.argv[1:])}")
