"""Tokens that nobody gave: forged, changed, expired, for others, or no tokens at all. Each is a 401, and quickly."""

import base64
import json
import subprocess
import time

from harness import check

SECRETS = "/api/v1/namespaces/default/secrets"


def part(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def openssl(*argv, data):
    return subprocess.run(["openssl", *map(str, argv)], input=data, capture_output=True, check=True).stdout


def sign(server, claims, header=None, key=None):
    text = f"{part(header or {'alg': 'RS256'})}.{part(claims)}"
    return f"{text}.{part(openssl('dgst', '-sha256', '-sign', key or server.key, data=text.encode()))}"


def claims_of(token):
    text = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def request_token(server, name, **spec):
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    text = server.expect(201, "POST", f"/api/v1/namespaces/default/serviceaccounts/{name}/token", body)
    return json.loads(text)["status"]["token"]


def refused(server, what, token):
    began = time.monotonic()
    status, text = server.call("GET", "/api/v1/namespaces/default/pods", token=token)
    check(status in (401, 431, 400), f"{what}: {status} {text[:300]}")
    check(time.monotonic() - began < 30, f"{what}: took {time.monotonic() - began:.0f} s")


def test_forged_tokens(server):
    server.expect(201, "POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "bot"}})
    good = request_token(server, "bot")
    claims = claims_of(good)
    status, _ = server.call("GET", "/api/v1/namespaces/default/pods", token=good)
    check(status == 403, f"the true token: {status}")
    check(server.call("GET", "/api/v1/namespaces/default/pods", token=sign(server, claims))[0] == 403, "signed anew")
    other = server.dir / "other.key"
    subprocess.run(["openssl", "genrsa", "-out", other, "2048"], check=True, capture_output=True)
    public = openssl("pkey", "-in", server.key, "-pubout", data=b"")
    head, body, signature = good.split(".")
    text = f"{part({'alg': 'HS256'})}.{body}"
    mac = openssl("dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:" + public.hex(), "-binary", data=text.encode())
    now = int(time.time())
    cases = {
        "alg none": f"{part({'alg': 'none'})}.{body}.",
        "alg None": f"{part({'alg': 'None'})}.{body}.{signature}",
        "no alg": f"{part({})}.{body}.{signature}",
        "alg is a list": f"{part({'alg': ['RS256']})}.{body}.{signature}",
        "the public key as a secret": f"{text}.{part(mac)}",
        "another key": sign(server, claims, key=other),
        "another key under the true name": sign(server, claims, header=json.loads(base64.urlsafe_b64decode(head + "==")), key=other),
        "ES256 with the RSA signature": f"{part({'alg': 'ES256'})}.{body}.{signature}",
        "unknown kid": sign(server, claims, header={"alg": "RS256", "kid": "../../etc/passwd"}),
        "no signature": f"{head}.{body}.",
        "signature cut": good[:-10],
        "claims changed": f"{head}.{part({**claims, 'sub': 'system:serviceaccount:kube-system:admin'})}.{signature}",
        "expired": sign(server, {**claims, "exp": now - 3600}),
        "expires in a string": sign(server, {**claims, "exp": "never"}),
        "not yet valid": sign(server, {**claims, "nbf": now + 3600}),
        "issuer": sign(server, {**claims, "iss": "https://elsewhere"}),
        "audience": sign(server, {**claims, "aud": ["elsewhere"]}),
        "no audience": sign(server, {k: v for k, v in claims.items() if k != "aud"}),
        "uid of another account": sign(server, {**claims, "kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "bot", "uid": "x"}}}),
        "claims are a list": sign(server, [1, 2]),
        "claims are deep": sign(server, b"[" * 40000),
        "subject with a NUL": sign(server, b'{"sub":"system:serviceaccount:default:bot\\u0000"}'),
        "not base64": "a!.b!.c!",
        "dots": "." * 1000,
        "60 KB": "a" * 60000,
        "1 MB": "a." * (1 << 19),
        "a token for another audience": request_token(server, "bot", audiences=["vault"]),
    }
    for what, token in cases.items():
        refused(server, what, token)


def test_tokens_end_with_what_they_are_bound_to(server):
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    server.expect(201, "POST", accounts, {"metadata": {"name": "brief"}})
    server.expect(201, "POST", SECRETS, {"metadata": {"name": "tie"}})
    tied = request_token(server, "brief", boundObjectRef={"kind": "Secret", "apiVersion": "v1", "name": "tie"})
    plain = request_token(server, "brief")
    check(server.call("GET", SECRETS, token=tied)[0] == 403, "a bound token")
    server.expect(200, "DELETE", f"{SECRETS}/tie")
    refused(server, "its secret is gone", tied)
    server.expect(200, "DELETE", f"{accounts}/brief")
    refused(server, "its account is gone", plain)
    server.expect(201, "POST", accounts, {"metadata": {"name": "brief"}})
    refused(server, "another account of that name", plain)


def test_who_else(server):
    for headers in [
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer admintoken,alicetoken"},
        {"Authorization": "bearer  admintokenx"},
    ]:
        status, _ = server.call("GET", SECRETS, token=None, headers=headers)
        check(status in (401, 403), f"{headers}: {status}")
    # Headers of a front proxy count only from one that showed its certificate.
    status, _ = server.call("GET", SECRETS, token=None, headers={"X-Remote-User": "admin", "X-Remote-Group": "system:masters"})
    check(status in (401, 403), f"X-Remote-User from anybody: {status}")
    status, _ = server.call("GET", SECRETS, token="alicetoken", headers={"Impersonate-User": "admin"})
    check(status == 403, f"impersonation by alice: {status}")
