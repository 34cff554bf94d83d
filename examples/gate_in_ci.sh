#!/bin/sh
# Stop a release whose int8 model may lose more than 0.3 points, or outgrows the flash.
#
#   sh examples/gate_in_ci.sh runs/nano
#
# The exit status is 3 if a gate is missed; report.xml is what continuous integration shows.
set -eu
mnist-edge report "$1" --scheme int8 --corrupted 0 \
  --max-drop 0.3 --max-size 20000 --junit report.xml
