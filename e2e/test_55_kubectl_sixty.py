"""A session of far more than sixty commands with every kubectl: Debian's 1.20, any newer one on this machine, ours."""

from harness import Failure, check, ensure_cluster, load_image, namespace, ours, stock_kubectls
from kubectl_session import changing, creating, deleting, looking, nodes, running
from kubectl_session.session import Session

CHAPTERS = (looking, creating, changing, running, nodes, deleting)


def session(kubectl, ns):
    ensure_cluster()
    load_image("nginx", "busybox")
    s = Session(kubectl, namespace(ns))
    try:
        for module in CHAPTERS:
            module.chapter(s)
    except Failure as problem:
        raise Failure(f"with {kubectl.path}: {problem}") from problem
    check(len(set(s.steps)) >= 60, f"only {len(set(s.steps))} different commands")


def test_stock():
    found = stock_kubectls()
    check(found, "no stock kubectl on this machine: scripts/deps.sh unpacks Debian's")
    for i, kubectl in enumerate(found):
        session(kubectl, f"e2e-sixty-{i}")


def test_ours():
    session(ours, "e2e-sixty-ours")
