"""Runs Synapse until standard input closes, then removes its directory: it never outlives the test."""

import os
import runpy
import shutil
import sys
import threading

data = sys.argv[1]


def end_with_the_test():
    kept = sys.stdin.readline() == "keep\n"
    if not kept:
        shutil.rmtree(data, ignore_errors=True)
    os._exit(0)


threading.Thread(target=end_with_the_test, daemon=True).start()
sys.argv = ["homeserver", "-c", os.path.join(data, "homeserver.yaml")]
runpy.run_module("synapse.app.homeserver", run_name="__main__")
