"""A keep-alive TLS client for one thread."""

import http.client
import json
import ssl

_context = ssl.create_default_context()
_context.check_hostname = False
_context.verify_mode = ssl.CERT_NONE  # the server under test makes its own certificate


class Broken(Exception):
    """No whole answer came: nobody knows whether the request was carried out."""


class Client:
    def __init__(self, port, token, timeout=60):
        self.port, self.timeout = port, timeout
        self.headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self.connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def open(self, method, path, body=None, content_type="application/json"):
        """Sends; returns the HTTPResponse with its head read. Broken when that fails."""
        if not self.connection:
            self.connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=self.timeout, context=_context)
        data = None if body is None else json.dumps(body)
        try:
            self.connection.request(method, path, data, {**self.headers, "Content-Type": content_type})
            return self.connection.getresponse()
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            raise Broken(repr(problem)) from problem

    def text(self, method, path, body=None, content_type="application/json"):
        """One exchange: (status, body as text)."""
        response = self.open(method, path, body, content_type)
        try:
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            raise Broken(repr(problem)) from problem

    def call(self, method, path, body=None, content_type="application/json"):
        """One exchange with a JSON answer: (status, object)."""
        status, text = self.text(method, path, body, content_type)
        return status, json.loads(text)
