"""WordPress as a visitor and its author meet it: over HTTP, with forms and cookies."""

import http.cookiejar
import re
import threading
import time
import urllib.parse
import urllib.request

from harness import Failure, check, fetch, wait_for


class Site:
    def __init__(self, url):
        self.url = url
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def get(self, path):
        return browse(self.url + path, None, self.opener)

    def post(self, path, **fields):
        return browse(self.url + path, urllib.parse.urlencode(fields).encode(), self.opener)

    def wait_answers(self, timeout=120):
        return wait_for("WordPress to answer", lambda: self.get("/")[0] == 200, timeout)

    def install(self, title):
        status, page = self.get("/wp-admin/install.php")
        check(status == 200 and "WordPress" in page, f"no installation page: {status} {page[:500]}")
        if "Already Installed" in page or "already installed" in page:
            return
        status, page = self.post("/wp-admin/install.php?step=2", weblog_title=title, user_name="author", admin_password="correct horse",
                                 admin_password2="correct horse", pw_weak="on", admin_email="author@example.com", Submit="Install WordPress")
        check(status == 200 and "Success" in page, f"the installation failed: {status} {page[:2000]}")

    def log_in(self):
        self.get("/wp-login.php")
        status, page = self.post("/wp-login.php", log="author", pwd="correct horse", testcookie="1", redirect_to=self.url + "/wp-admin/")
        check("Dashboard" in page or "dashboard" in page, f"could not log in: {status} {page[:800]}")

    def publish(self, title, text):
        status, page = self.get("/wp-admin/post-new.php")
        nonce = re.search(r'createNonceMiddleware\(\s*"([0-9a-f]+)"', page) or re.search(r'"nonce":"([0-9a-f]+)"', page)
        check(nonce, "no REST nonce in the editor's page")
        body = urllib.parse.urlencode({"title": title, "content": text, "status": "publish"}).encode()
        request = urllib.request.Request(self.url + "/index.php?rest_route=/wp/v2/posts", data=body, headers={"X-WP-Nonce": nonce[1]})
        with self.opener.open(request, timeout=30) as answer:
            check(answer.status == 201, f"publishing answered {answer.status}")

    def has(self, text):
        return text in self.get("/")[1]


def browse(url, data, opener):
    return fetch(url, data=data, opener=opener, timeout=30)


class Poll:
    """Asks for the page ten times a second in the background; `failures` holds (seconds since start, what)."""

    def __init__(self, url, text):
        self.url, self.text = url, text
        self.failures, self.count, self._stop = [], 0, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *ignored):
        self._stop.set()
        self._thread.join(20)

    def _run(self):
        while not self._stop.wait(0.1):
            self.count += 1
            try:
                status, page = fetch(self.url, timeout=5)
                if status != 200 or self.text not in page:
                    self.failures.append((time.monotonic() - self.began, f"status {status}"))
            except (OSError, Failure) as problem:
                self.failures.append((time.monotonic() - self.began, str(problem)))
