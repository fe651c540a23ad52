#!/usr/bin/env python3
"""A world that cannot start leaves nothing running, and says which program is to blame."""

import contextlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import world


class WorldTest(unittest.TestCase):
    def setUp(self):
        self.bin = pathlib.Path(tempfile.mkdtemp(prefix="cube-chaos-bin-"))
        self.addCleanup(shutil.rmtree, self.bin)
        saved = world.BIN
        world.BIN = self.bin
        self.addCleanup(setattr, world, "BIN", saved)

    def check_fails_alone(self, problem):
        made = world.World()
        self.addCleanup(shutil.rmtree, made.folder)
        with contextlib.redirect_stdout(io.StringIO()) as said, self.assertRaises(problem) as caught:
            with made:
                self.fail("a world without a server has started")
        self.assertFalse(made.etcd.is_running())
        self.assertFalse(made.relay.is_alive())
        self.assertIn(str(made.folder), said.getvalue())
        return str(caught.exception)

    def test_no_server(self):
        self.check_fails_alone(OSError)

    def test_server_that_ends(self):
        program = self.bin / "kube-apiserver"
        program.write_text("#!/bin/sh\nexit 3\n")
        program.chmod(0o755)
        self.assertIn("kube-apiserver ended with 3", self.check_fails_alone(AssertionError))

    def test_folder_of_programs_is_absolute(self):
        self.assertTrue(os.path.isabs(bin_with("some/bin")))


def bin_with(value):
    """BIN as a program sees it that is started with this CUBE_BIN."""
    return subprocess.run([sys.executable, "-c", "import world; print(world.BIN)"], check=True, text=True, capture_output=True,
                          cwd=pathlib.Path(__file__).parent, env={**os.environ, "CUBE_BIN": value}).stdout.strip()


if __name__ == "__main__":
    unittest.main()
