#!/usr/bin/python3
"""Runs one house test for ctest. usage: run.py MODULE CLASS.test_NAME ; exit status 77 when the test was skipped."""
import sys
import unittest

result = unittest.TextTestRunner(verbosity=0).run(unittest.defaultTestLoader.loadTestsFromName(f"{sys.argv[1]}.{sys.argv[2]}"))
if not result.wasSuccessful() or result.testsRun != 1:
    sys.exit(1)
for _, reason in result.skipped:
    print(f"Skipped\n{reason}")
    sys.exit(77)
