"""One kubectl in one namespace: runs commands, checks what each said, records them, so that a failure names its step."""

import json
import re
import subprocess
import threading
import time

import harness
from harness import Failure, check, environment


class Session:
    """Calls to a session are commands of its kubectl; `file()` makes what they read, `api` shows what they did."""

    def __init__(self, kubectl, ns):
        self.kubectl, self.ns = kubectl, ns
        self.folder = harness.WORK / ns
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "kubeconfig"
        self.config.write_text(harness.KUBECONFIG.read_text())
        self.steps = []
        self.minor = self._minor()

    def _minor(self):
        """The minor version of the kubectl that does the work (a dispatcher chooses that by the server's version)."""
        text = self.kubectl("version", "-o", "json").stdout
        return int(re.match(r"\d+", json.loads(text)["clientVersion"]["minor"])[0])

    def file(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def failed(self, argv, problem):
        return Failure(f"step {len(self.steps)}, kubectl {' '.join(map(str, argv))}: {problem}")

    def __call__(self, *argv, has=(), lacks=(), rc=0, err=(), input=None, env=None, timeout=120):
        """Runs `kubectl argv...`. Its exit status must be `rc`, its output match every regular expression of `has` and none of
        `lacks`, its standard error those of `err` (each: one or a tuple). Returns its standard output."""
        self.steps.append(tuple(map(str, argv)))
        env = dict(env or {}, KUBECONFIG=str(self.config))
        try:
            done = self.kubectl(*argv, ok=None, input=input, env=env, timeout=timeout)
        except subprocess.TimeoutExpired as late:
            raise self.failed(argv, f"did not end within {timeout} s; it said: {late.stdout} {late.stderr}") from late
        said = f"\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        if rc is not None and done.returncode != rc:
            raise self.failed(argv, f"exit status {done.returncode}, not {rc}{said}")
        for what, patterns, text, wanted in (("output", has, done.stdout, True), ("output", lacks, done.stdout, False),
                                             ("standard error", err, done.stderr, True)):
            for pattern in (patterns,) if isinstance(patterns, str) else patterns:
                if bool(re.search(pattern, text, re.M)) != wanted:
                    raise self.failed(argv, f"{pattern!r} {'not in' if wanted else 'in'} its {what}:{said}")
        return done.stdout

    def can(self, *argv, input=None):
        """False for our kubectl, where the command must say clearly that it is not supported; a stock one can do everything."""
        if self.kubectl is harness.ours:
            self(*argv, input=input, rc=1, err="not supported")
        return self.kubectl is not harness.ours

    def start(self, *argv):
        """A command that runs on: a context manager, see Running."""
        self.steps.append(tuple(map(str, argv)))
        return Running(self, argv)

    # ---- what is there, asked by our kubectl: the session's own is on trial ----

    def object(self, kind, name, ns=None):
        """The object, or None."""
        done = harness.ours("get", kind, name, "-n", ns or self.ns, "-o", "json", "--ignore-not-found")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def field(self, kind, name, *path):
        """A field of an object; None where it or the object is missing."""
        value = self.object(kind, name)
        for step in path:
            if isinstance(value, list):
                value = value[step] if len(value) > step else None
            else:
                value = (value or {}).get(step)
        return value

    def expect(self, kind, name, *path_and_value):
        """The object's field at the path is the value (its last argument)."""
        *path, value = path_and_value
        found = self.field(kind, name, *path)
        check(found == value, f"after {self.last()}: {kind} {name}: {'.'.join(map(str, path))} is {found!r}, not {value!r}")

    def gone(self, kind, *names):
        for name in names:
            check(self.object(kind, name) is None, f"after {self.last()}: {kind} {name} is still there")

    def last(self):
        return f"step {len(self.steps)}, kubectl {' '.join(self.steps[-1])}" if self.steps else "no step"


class Running:
    """A kubectl that runs until it is told to stop. Its output, both streams, is read all the time."""

    def __init__(self, session, argv):
        self.session, self.argv, self.text = session, argv, ""

    def __enter__(self):
        env = environment(KUBECONFIG=str(self.session.config))
        self.process = subprocess.Popen([str(self.session.kubectl.path), *map(str, self.argv)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1, env=env)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        return self

    def _read(self):
        for line in self.process.stdout:
            self.text += line

    def write(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def wait_for(self, pattern, timeout=60):
        """Waits until the output matches; returns the match."""
        end = time.monotonic() + timeout
        while True:
            ended = self.process.poll() is not None and not self.reader.is_alive()
            found = re.search(pattern, self.text, re.M)
            if found:
                return found
            if ended or time.monotonic() > end:
                raise self.session.failed(self.argv, f"never said {pattern!r}, only: {self.text}")
            time.sleep(0.05)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()
