"""The manifests are valid against the schemas of Kubernetes, and keep what the design promises."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
OBJECTS = [
    (path.name, document)
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]
PODS = [d["spec"]["template"]["spec"] for _, d in OBJECTS if d["kind"] in {"Deployment", "StatefulSet"}]
IDS = [f"{document['kind']}-{document['metadata']['name']}" for _, document in OBJECTS]


@pytest.mark.parametrize(("file", "document"), OBJECTS, ids=IDS)
def test_each_object_is_valid(file, document):
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_the_kustomization_names_every_file():
    named = set(yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"])

    assert named == {file for file, _ in OBJECTS}


def test_every_setting_that_a_service_reads_is_in_the_settings():
    known = {line.partition("=")[0] for line in (FOLDER / "settings.env").read_text().splitlines() if line}
    read = {
        variable["valueFrom"]["configMapKeyRef"]["key"]
        for pod in PODS
        for container in pod["containers"]
        for variable in container.get("env", [])
        if "configMapKeyRef" in variable.get("valueFrom", {})
    }

    assert read == known


@pytest.mark.parametrize("pod", PODS, ids=[pod["containers"][0]["name"] for pod in PODS])
def test_every_pod_is_unprivileged_and_cannot_write_to_its_image(pod):
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.invariant(2)
def test_only_auth_service_reaches_its_store():
    """Mcp_service has no way to it, even if it tried."""
    (policy,) = [d for _, d in OBJECTS if d["kind"] == "NetworkPolicy" and d["metadata"]["name"] == "auth-store"]
    callers = [peer for rule in policy["spec"]["ingress"] for peer in rule["from"]]

    assert callers == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "auth-service"}}}]


def test_nothing_internal_is_on_the_ingress():
    (ingress,) = [d for _, d in OBJECTS if d["kind"] == "Ingress"]
    routes = [path for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
    paths = {route["path"] for route in routes if (route["path"], route["pathType"]) != ("/", "Exact")}

    assert not paths & {"/", "/metrics", "/readyz", "/livez"}


@pytest.mark.parametrize("pod", PODS, ids=[pod["containers"][0]["name"] for pod in PODS])
def test_every_container_has_a_memory_limit(pod):
    assert all("memory" in container["resources"]["limits"] for container in pod["containers"])


@pytest.mark.parametrize("name", ["auth-store", "notes-store"])
def test_a_store_has_a_password_and_refuses_writes_before_its_container_is_killed(name):
    (pod,) = [
        d["spec"]["template"]["spec"] for _, d in OBJECTS if (d["kind"], d["metadata"]["name"]) == ("StatefulSet", name)
    ]
    (store,) = pod["containers"]
    (volume,) = pod["volumes"]
    assert volume["secret"]["secretName"] == name
    assert store["args"][0] == f"{store['volumeMounts'][1]['mountPath']}/valkey.conf"
    assert "--maxmemory 512mb" in store["args"]
    assert store["resources"]["limits"]["memory"] == "1Gi"


@pytest.mark.parametrize("name", ["auth-store", "notes-store"])
def test_a_store_has_no_port_without_tls(name):
    (pod,) = [
        d["spec"]["template"]["spec"] for _, d in OBJECTS if (d["kind"], d["metadata"]["name"]) == ("StatefulSet", name)
    ]
    (store,) = pod["containers"]
    assert {"--port 0", "--tls-port 6379", "--tls-cert-file /etc/valkey/server.pem"} <= set(store["args"])


@pytest.mark.parametrize(("name", "secret"), [("auth-service", "sallyport-auth"), ("mcp-service", "sallyport-mcp")])
def test_a_service_has_the_authority_of_its_store_at_the_path_of_its_url(name, secret):
    (pod,) = [
        d["spec"]["template"]["spec"] for _, d in OBJECTS if (d["kind"], d["metadata"]["name"]) == ("Deployment", name)
    ]
    (volume,) = pod["volumes"]
    assert volume["secret"] == {"secretName": secret, "items": [{"key": "store-ca.pem", "path": "ca.pem"}]}
    assert pod["containers"][0]["volumeMounts"] == [{"name": volume["name"], "mountPath": "/store", "readOnly": True}]
    page = (FOLDER / "README.md").read_text()
    assert "rediss://:$(cat $store/password)@$store:6379/0?ssl_ca_certs=/store/ca.pem" in page
    assert "redis://:" not in page


def test_secrets_are_not_among_the_settings():
    assert "redis://" not in (FOLDER / "settings.env").read_text()
