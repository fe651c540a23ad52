"""Images pulled from a registry: by tag and digest, by each pull policy, with and without credentials, and what fails."""

import json
import pathlib
import shutil

from harness import DATA_DIR, check, cube, ensure_cluster, in_pod, namespace, ours, wait_for
from registry import Registry

NS = "e2e-registry"
plain = None
protected = None


def pod(name, image, policy=None, secrets=(), account=None):
    """Starts a pod of one container; the image's command isn't run."""
    spec = {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": image, "command": ["sleep", "1000"]}]}
    if policy:
        spec["containers"][0]["imagePullPolicy"] = policy
    if secrets:
        spec["imagePullSecrets"] = [{"name": s} for s in secrets]
    if account:
        spec["serviceAccountName"] = account
    ours.apply(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}), ns=NS)


def status(name):
    return ours.get("pod", name, NS)["status"]["containerStatuses"][0]


def running(name):
    return wait_for(f"pod {name} to run", lambda: "running" in status(name)["state"] and status(name), 90)


def waiting(name, *reasons):
    """Waits until the container waits for one of the reasons; returns the message."""
    def told():
        state = status(name)["state"].get("waiting", {})
        return state.get("reason") in reasons and state.get("message", "")
    return wait_for(f"pod {name} to wait for {' or '.join(reasons)}", told, 60)


def events(name):
    """(type, reason, message) of what was recorded about the pod."""
    return [(e["type"], e["reason"], e["message"]) for e in ours.items("events", None, NS) if e["involvedObject"]["name"] == name]


def wait_event(name, kind, reason, start):
    def told():
        return [m for t, r, m in events(name) if (t, r) == (kind, reason) and m.startswith(start)]
    return wait_for(f"event {reason} {start!r} about pod {name}", told, 60)[0]


def delete(*names):
    ours("delete", "pod", *names, "-n", NS)


def on_node():
    return cube("image", "ls").stdout


def test_set_up():
    global plain, protected
    plain, protected = Registry(), Registry("wp", "s3cret")
    ensure_cluster()
    namespace(NS)


def test_pull_by_tag_and_by_digest():
    digest = plain.push("team/app", "1")
    pod("tag", f"{plain.host}/team/app:1")
    pod("digest", f"{plain.host}/team/app@{digest}")
    for name, image in (("tag", f"{plain.host}/team/app:1"), ("digest", f"{plain.host}/team/app@{digest}")):
        shown = running(name)
        check(shown["imageID"] == f"{plain.host}/team/app@{digest}", f"imageID is {shown['imageID']}")
        wait_event(name, "Normal", "Pulling", f'Pulling image "{image}"')
        wait_event(name, "Normal", "Pulled", f'Successfully pulled image "{image}" in ')
        text = in_pod(name, "cat", "/text", ns=NS).stdout
        check(text.startswith(f"{plain.host}/team/app:1"), f"another image runs: {text}")
    delete("tag", "digest")


def test_policies():
    image = f"{plain.host}/team/policy:1"
    first = plain.push("team/policy", "1", "first")
    pod("never", image, "Never")
    waiting("never", "ErrImageNeverPull")
    wait_event("never", "Warning", "ErrImageNeverPull", f'Container image "{image}" is not present with pull policy of Never')
    pod("present", image, "IfNotPresent")
    check(running("present")["imageID"].endswith(first), "not the image that was pushed")
    running("never")  # heals once the image is there
    second = plain.push("team/policy", "1", "second")
    check(first != second, "the second image is the first one")
    pod("present-again", image, "IfNotPresent")
    check(running("present-again")["imageID"].endswith(first), "IfNotPresent pulled an image that was there")
    wait_event("present-again", "Normal", "Pulled", f'Container image "{image}" already present on machine')
    pod("always", image, "Always")
    check(running("always")["imageID"].endswith(second), "Always did not pull the newer image")
    check(in_pod("always", "cat", "/text", ns=NS).stdout.endswith("second"), "the older image runs")
    delete("never", "present", "present-again", "always")


def test_missing_image_backs_off_and_recovers():
    image = f"{plain.host}/team/late:1"
    pod("late", image)
    message = waiting("late", "ImagePullBackOff")
    check(message.startswith(f'Back-off pulling image "{image}"'), message)
    check("not found" in wait_event("late", "Warning", "Failed", f'Failed to pull image "{image}": '), "the event does not say why")
    wait_event("late", "Warning", "Failed", "Error: ErrImagePull")
    wait_event("late", "Normal", "BackOff", f'Back-off pulling image "{image}"')
    wait_event("late", "Warning", "Failed", "Error: ImagePullBackOff")
    plain.push("team/late", "1")
    running("late")
    check(status("late")["restartCount"] == 0, "the container counts as restarted")
    delete("late")


def docker_secret(name, user, password, host):
    ours("create", "secret", "docker-registry", name, "-n", NS, f"--docker-server={host}", f"--docker-username={user}", f"--docker-password={password}")


def test_credentials():
    protected.push("private/app", "1")
    image = f"{protected.host}/private/app:1"
    pod("none", image)
    waiting("none", "ErrImagePull", "ImagePullBackOff")
    refused = wait_event("none", "Warning", "Failed", f'Failed to pull image "{image}": ')
    check("401" in refused or "authorization" in refused, refused)
    docker_secret("wrong", "wp", "guess", protected.host)
    docker_secret("right", "wp", "s3cret", protected.host)
    pod("wrong", image, secrets=["wrong"])
    waiting("wrong", "ErrImagePull", "ImagePullBackOff")
    pod("absent", image, secrets=["absent"])
    wait_event("absent", "Warning", "FailedToRetrieveImagePullSecret",
               "Unable to retrieve some image pull secrets (absent); attempting to pull the image may not succeed.")
    pod("of-pod", image, "Always", secrets=["absent", "right"])
    running("of-pod")
    pod("second", image, "Always", secrets=["wrong", "right"])
    running("second")
    ours.apply('{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"puller"},"imagePullSecrets":[{"name":"right"}]}', ns=NS)
    pod("of-account", image, "Always", account="puller")
    running("of-account")
    docker_secret("absent", "wp", "s3cret", protected.host)
    running("absent")  # heals once the secret is there
    delete("none", "wrong", "absent", "of-pod", "second", "of-account")


def test_a_mirror_of_the_data_directory():
    """A name whose registry is nowhere is pulled from the mirror that certs.d names, without a restart."""
    plain.push("team/mirrored", "1")
    folder = pathlib.Path(DATA_DIR, "containerd/certs.d/registry.example")
    folder.mkdir(exist_ok=True)
    (folder / "hosts.toml").write_text(f'server = "https://registry.example"\n[host."http://{plain.host}"]\n  capabilities = ["pull", "resolve"]\n')
    pod("mirrored", "registry.example/team/mirrored:1")
    running("mirrored")
    delete("mirrored")
    shutil.rmtree(folder)


def test_image_ls_and_rm():
    image = f"{plain.host}/team/app:1"
    check(image in on_node(), f"{image} is not listed:\n{on_node()}")
    cube("image", "rm", image)
    check(f"{image} " not in on_node(), "it is still listed")
    check("is not on this node" in cube("image", "rm", image, ok=(1,)).stderr, "no error for an image that is not there")
    pod("again", image, "IfNotPresent")
    running("again")
    wait_event("again", "Normal", "Pulled", f'Successfully pulled image "{image}" in ')
    delete("again")


def test_clean_up():
    ours("delete", "namespace", NS, timeout=120)
    plain.close()
    protected.close()
